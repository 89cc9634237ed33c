"""One function on a computer, in a browser and on microcontrollers: ``python -m examples.deploy [DIRECTORY]``."""
