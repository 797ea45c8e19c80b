"""Virtual cards and the field they are held in: they answer as real ones do, frame by frame.

Knows the cards' side of the air; must not know the site, nor how a site checks a card.
"""
