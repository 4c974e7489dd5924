"""What an operator does with a store: check it, hand it on, save it, thin it out."""
