"""Plugins: what is local to one circle. Found, asked what they do, guarded while they run, switched on and off."""
