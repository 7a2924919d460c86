"""Who agreed: the ceremony, certificates, timestamps, appearances."""
