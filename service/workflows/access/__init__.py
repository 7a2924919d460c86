"""Who may come in, as whom, and what they may do: accounts, passwords, links, sessions, roles, the audit trail."""
