"""What people have said yes to: consents, and the terms between a person and a worker."""
