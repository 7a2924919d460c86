"""The only package that opens private keys; it hands out signers, never bytes."""
