"""The interlocks: what has to be true before anything is taken away. Each fails closed, and says what is missing and who can supply it."""
