"""What was done, by whom and for whom; what it caused; and the door that every act goes through."""
