"""Two-person control: what is asked, who decides, and how it is carried out, once."""
