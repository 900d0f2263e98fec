"""Families of screens and talks with facts, as lines that a video could show, and questions about them.

A family draws its own values and never sees a real clip. Fitting holds out whole families to measure generalisation.
"""

from collections.abc import Callable
from random import Random

from evals.ranker.boards import departures, forms, jerseys, leaflet, panel, prices, scores, tables, weather
from evals.ranker.consoles import terminal
from evals.ranker.handouts import agenda, contacts
from evals.ranker.notices import banner, captions, cards, clocks, film_credits, products, signs, slides, tags
from evals.ranker.shown import Shown
from evals.ranker.talks import counting_aloud, pictures, recipe, talk

SCREENS: dict[str, Callable[[Random], Shown]] = {
    made.__name__: made
    for made in (
        prices,
        departures,
        scores,
        cards,
        terminal,
        banner,
        signs,
        slides,
        talk,
        recipe,
        film_credits,
        clocks,
        forms,
        weather,
        products,
        captions,
        tags,
        jerseys,
        counting_aloud,
        pictures,
        leaflet,
        panel,
        tables,
        contacts,
        agenda,
    )
}
