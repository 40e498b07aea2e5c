"""History in SQLite: attacks, bans, announcements, operator orders, and the outbox."""
