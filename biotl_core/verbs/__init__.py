"""What each verb of the shell does. A module adds its verbs to the parser and does them."""
