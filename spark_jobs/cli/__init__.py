"""The command line: one module per group of words, imported only when the word is used."""
