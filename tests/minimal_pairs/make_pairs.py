#!/usr/bin/env python3
"""Writes minimal_pairs.csv: two sentences that differ in little, and by it in what they say.

    tests/minimal_pairs/make_pairs.py [OUT]

Every pair comes from a template of FRAMES: two texts with labels and the same slots. A template is filled with words of
WORDS in a fixed order, so that the file is the same each time. The frames and words are this suite's own: neither may
occur in what the built-in model learns from (models/default/check_frames.py looks).
"""

import csv
import itertools
import sys
from pathlib import Path


def items(text):
    return [part.strip() for part in text.split("|")]


# Adjectives are strong, so that no one need wonder about their side. `goods` and `places` take "the".
WORDS = {
    "goods": items("stroller | thermostat | treadmill | scooter | dishwasher | wallpaper | sunscreen | bookshelf | umbrella | necklace | guitar | telescope"),
    "places": items("aquarium | pharmacy | bistro | marina | planetarium | barbershop | bed and breakfast | tavern | zoo | ballroom"),
    "works": items("opera | webinar | biography | sitcom | mini-series | lecture series | ballet | cartoon | audiobook | thriller"),
    "dish": items("lasagna | ramen | risotto | gumbo | paella | omelette | chowder | cheesecake | frittata | goulash | tiramisu"),
    "staffer": items("receptionist | plumber | mechanic | tutor | midwife | electrician | bartender | librarian | optician | locksmith"),
    "glad": items("splendid | terrific | stellar | fabulous | magnificent | first-rate | exquisite | flawless | phenomenal | exceptional | marvelous | delightful"),
    "grim": items("dismal | abysmal | atrocious | wretched | rotten | nasty | ghastly | horrid | dire | shoddy | unbearable | crummy"),
    "praise": items("a triumph | a treat | a gem | a joy | a masterpiece | a delight"),
    "blame": items("a disaster | a rip-off | an insult | an embarrassment | a nightmare | a farce"),
    "day": items("Sunday | the first of April | the weekend of the fair | Thanksgiving | New Year's Eve"),
    "city": items("Lisbon | Denver | Osaka | Dublin | Quebec | Nairobi"),
    "count": items("six | nine | eleven | fourteen | forty | ninety"),
    "colour": items("purple | beige | turquoise | maroon | navy"),
    "person": items("my aunt | our tenant | the intern | a cousin of mine | my flatmate | the new neighbour"),
}

P, N, O = "positive", "negative", "neutral"

# (kind, (text, label), (text, label), how many fillings)
FRAMES = [
    # Negation that turns praise into blame, and blame into praise.
    ("negation", ("I would hand this {goods} to my best friend.", P), ("I would never hand this {goods} to my best friend.", N), 10),
    ("negation", ("Nobody walked out of the {works} unmoved.", P), ("Nobody stayed to the end of the {works}.", N), 10),
    ("negation", ("There is a lot to love about this {places}.", P), ("There is nothing to love about this {places}.", N), 10),
    ("negation", ("We will certainly return to the {places}.", P), ("We will certainly not return to the {places}.", N), 10),
    ("negation", ("To me the {dish} lived up to the hype.", P), ("To me the {dish} didn't live up to the hype.", N), 10),
    ("negation", ("The {goods} has let me down.", N), ("The {goods} has never let me down.", P), 10),
    ("negation", ("More than once the {staffer} made me feel stupid.", N), ("Not once has the {staffer} made me feel stupid.", P), 10),
    ("negation", ("Our {staffer} cut corners wherever possible.", N), ("Our {staffer} did not cut corners anywhere.", P), 10),
    ("negation", ("I found plenty to grumble about in the {works}.", N), ("I couldn't find a thing to grumble about in the {works}.", P), 10),
    ("negation", ("Calling the {works} {glad} is fair.", P), ("Calling the {works} {glad} is a lie.", N), 8),
    ("negation", ("No one could call that {dish} {grim}.", P), ("Anyone would call that {dish} {grim}.", N), 8),
    ("negation", ("I have seldom come across such a {glad} {places}.", P), ("I have seldom come across such a {grim} {places}.", N), 10),
    ("negation", ("The {staffer} couldn't have been more {glad}.", P), ("The {staffer} couldn't have been more {grim}.", N), 10),
    ("negation", ("It is far from {grim}, this {works}; go and see it.", P), ("It is far from {glad}, this {works}; spare yourself.", N), 8),
    ("negation", ("Without a doubt {glad}.", P), ("Without a doubt {grim}.", N), 8),
    ("negation", ("I don't regret a cent spent on the {goods}.", P), ("I regret each cent spent on the {goods}.", N), 10),
    ("negation", ("My {goods} hasn't failed me yet.", P), ("My {goods} has failed me yet again.", N), 10),
    ("negation", ("You can't go wrong with their {dish}.", P), ("You can't trust their {dish}.", N), 10),
    ("negation", ("You will be thankful you booked the {places}.", P), ("You will wish you hadn't booked the {places}.", N), 10),
    ("negation", ("Nothing about the {dish} could be better.", P), ("Nothing about the {dish} could be worse.", N), 10),
    # The pairs that end in praise or blame need no negator to be told apart from their hedge.
    ("hedging", ("This time the {dish} was {glad}.", P), ("This time the {dish} was neither here nor there.", O), 10),
    ("hedging", ("The {works} turned out {grim}.", N), ("The {works} turned out middling.", O), 10),
    ("hedging", ("I'm wild about the {goods}.", P), ("I'm in two minds about the {goods}.", O), 10),
    ("hedging", ("I for one can't bear the {places}.", N), ("I for one can take or leave the {places}.", O), 10),
    ("hedging", ("My verdict on the {works}: {glad}.", P), ("My verdict on the {works}: average.", O), 10),
    ("hedging", ("My verdict on the {goods}: {grim}.", N), ("My verdict on the {goods}: acceptable, no more, no less.", O), 10),
    ("hedging", ("As for the {staffer}, what {praise}.", P), ("As for the {staffer}, no strong feelings either way.", O), 8),
    ("hedging", ("The {places} is {blame}.", N), ("The {places} is run of the mill.", O), 8),
    ("hedging", ("Overall mark for the {dish}: ten out of ten.", P), ("Overall mark for the {dish}: five out of ten.", O), 10),
    ("hedging", ("Overall mark for the {places}: zero out of ten.", N), ("Overall mark for the {places}: five out of ten.", O), 10),
    ("hedging", ("The {goods} beats everything I owned before.", P), ("The {goods} is on a par with what I owned before.", O), 10),
    ("hedging", ("I'm not sure I've ever had {dish} this {glad}.", P), ("I'm not sure yet what to make of the {dish}.", O), 8),
    # What comes after the turn is what the writer ends on.
    ("contrast", ("The queue at the {places} was long, yet I would stand in it again tomorrow.", P), ("The queue at the {places} was short, yet I would not stand in it again.", N), 10),
    ("contrast", ("Though it looked {grim}, the {dish} tasted {glad}.", P), ("Though it looked {glad}, the {dish} tasted {grim}.", N), 10),
    ("contrast", ("Critics called the {works} {grim}; they are wrong, it is {praise}.", P), ("Critics called the {works} {glad}; they are wrong, it is {blame}.", N), 8),
    ("contrast", ("Once I feared the {staffer} would be {grim}, and then came {praise}.", P), ("Once I hoped the {staffer} would be {glad}, and then came {blame}.", N), 8),
    ("contrast", ("For all its flaws, the {goods} has won me over.", P), ("For all its charm, the {goods} has lost me.", N), 10),
    ("contrast", ("Say what you like about the {places}, I adore it.", P), ("Say what you like about the {places}, I loathe it.", N), 10),
    ("contrast", ("The {works} starts {grim}, then becomes {praise}.", P), ("The {works} starts {glad}, then becomes {blame}.", N), 8),
    ("contrast", ("Ugly as sin, this {goods}, but a pleasure to own.", P), ("Pretty as a picture, this {goods}, but a pain to own.", N), 10),
    ("contrast", ("Even though the {staffer} came late, the work is {glad}.", P), ("Even though the {staffer} came early, the work is {grim}.", N), 10),
    ("contrast", ("Skip the {dish} elsewhere; here it is {praise}.", P), ("Get the {dish} elsewhere; here it is {blame}.", N), 8),
    ("contrast", ("I came to the {places} grumpy and left beaming.", P), ("I came to the {places} beaming and left grumpy.", N), 10),
    ("contrast", ("It isn't the {staffer} I'd complain about; the {staffer} was {glad}.", P), ("It isn't the {staffer} I'd applaud; the {staffer} was {grim}.", N), 8),
    ("contrast", ("What a pity about the rain, because the {places} is {praise}.", P), ("What luck with the sun, because the {places} is {blame}.", N), 8),
    # A fact, and the same thing with an opinion on it.
    ("fact", ("From {day} on, the {places} is shut.", O), ("From {day} on, the {places} is shut, which ruined our trip.", N), 8),
    ("fact", ("The {goods} ships in {colour} or grey.", O), ("The {goods} ships in {colour} or grey, and either way it looks {glad}.", P), 8),
    ("fact", ("{Person} rented the {goods} until {day}.", O), ("{Person} rented the {goods} until {day} and swears by it.", P), 8),
    ("fact", ("For {count} weeks the {works} toured {city}.", O), ("For {count} weeks the {works} bored {city}.", N), 8),
    ("fact", ("There were {count} people ahead of us at the {places}.", O), ("There were {count} people ahead of us at the {places} and one clerk, asleep.", N), 8),
    ("fact", ("Does the {places} accept dogs?", O), ("Does the {places} ever answer its phone? Shame on them.", N), 8),
    ("fact", ("Each {dish} here serves {count}.", O), ("Each {dish} here serves {count} and disappears in minutes, it is that {glad}.", P), 8),
    ("fact", ("A {staffer} from {city} called back at {count}.", O), ("A {staffer} from {city} called back and insulted me.", N), 8),
    ("fact", ("All in all the {works} has {count} parts.", O), ("All in all the {works} has {count} parts and each one is {praise}.", P), 8),
    ("fact", ("Where do I hand in the {goods} receipt?", O), ("Where do I hand in the {goods}? I want rid of it.", N), 8),
    ("fact", ("{Person} studies to become a {staffer}.", O), ("{Person} deserves a medal as a {staffer}.", P), 8),
    ("fact", ("Tickets for the {works} went on sale on {day}.", O), ("Tickets for the {works} were the best present on {day}.", P), 8),
    ("fact", ("According to the label, the {goods} came from {city}.", O), ("According to everyone here, the {goods} from {city} is {blame}.", N), 8),
    ("fact", ("There is garlic in their {dish}.", O), ("There is so much garlic in their {dish} that it is inedible.", N), 8),
    ("fact", ("The {staffer} left a note with {count} names.", O), ("The {staffer} left a mess with {count} broken tiles.", N), 8),
]


def fill(number, frame):
    """The pairs of one frame: as many as asked for, no two of the same words, the words begun at another place each frame."""
    kind, (first, first_label), (second, second_label), wanted = frame
    slots = sorted({slot for slot in WORDS if "{" + slot + "}" in first + second})
    if "{Person}" in first + second:
        slots.append("Person")
    for index in range(wanted):
        chosen = {}
        for place, slot in enumerate(slots):
            words = WORDS[slot.lower()]
            word = words[(index * (1 + place) + number * (3 + place)) % len(words)]
            chosen[slot] = word[0].upper() + word[1:] if slot == "Person" else word
        yield kind, first.format(**chosen), first_label, second.format(**chosen), second_label


def pairs():
    seen = set()
    for pair in itertools.chain.from_iterable(fill(number, frame) for number, frame in enumerate(FRAMES)):
        if pair[1] not in seen and pair[3] not in seen:
            seen.update((pair[1], pair[3]))
            yield pair


VOWELS = ("a", "e", "i", "o", "umb", "unb")


def article(text):
    """a exceptional -> an exceptional"""
    words = text.split(" ")
    for index in range(len(words) - 1):
        if words[index] in ("a", "A") and words[index + 1].lower().startswith(VOWELS):
            words[index] += "n"
    return " ".join(words)


def main():
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("minimal_pairs.csv")
    with open(out, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("text", "label", "kind", "pair"))
        count = 0
        for count, (kind, first, first_label, second, second_label) in enumerate(pairs(), 1):
            table.writerow((article(first), first_label, kind, count))
            table.writerow((article(second), second_label, kind, count))
    print(f"{count} pairs")


if __name__ == "__main__":
    main()
