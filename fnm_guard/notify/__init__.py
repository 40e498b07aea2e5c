"""Event and template make a message; one channel a file; a durable outbox."""
