"""How far a partner is with a procedure, what flows where until it is live, and how open dossiers come over."""
