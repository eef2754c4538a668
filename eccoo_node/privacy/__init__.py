"""Being forgotten: here, and in every linked circle that was told something."""
