"""Workers who let a linked circle see some of what they say about their work, and what each circle saw of them."""
