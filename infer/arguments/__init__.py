"""Options that several commands and the pytest plugin have, as argparse takes them."""
