"""What a worker buys for someone out of the person's money: a yes to a purpose and a ceiling, and what it cost in the end."""
