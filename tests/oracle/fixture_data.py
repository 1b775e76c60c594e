"""The small datasets: a toy world of sums, capitals and colours.

The rows are short and repeat a few sentence patterns, so that a tiny model
learns something from them in a few steps. They are made by rule, not sampled:
the same files come out everywhere.
"""

import json
import os

CAPITALS = [
    ("France", "Paris"), ("Japan", "Tokyo"), ("Kenya", "Nairobi"),
    ("Peru", "Lima"), ("Norway", "Oslo"), ("Egypt", "Cairo"),
    ("Cuba", "Havana"), ("Austria", "Wien, also called Vienna"),
    ("Côte d'Ivoire", "Yamoussoukro"), ("Iceland", "Reykjavík"),
]
COLOURS = [
    ("snow", "white"), ("coal", "black"), ("grass", "green"),
    ("the sky", "blue"), ("a lemon", "yellow"), ("blood", "red"),
]


def questions():
    """(question, answer) pairs, the source of every file."""
    for i in range(12):
        a, b = (3 * i) % 10, (7 * i + 2) % 10
        yield f"What is {a} plus {b}?", f"{a} plus {b} is {a + b}."
    for land, city in CAPITALS:
        yield f"What is the capital of {land}?", f"It is {city}."
    for thing, colour in COLOURS:
        yield f"Which colour has {thing}?", f"It is {colour}."


def chat_rows():
    """Conversations: plain, with a system turn, with two or three rounds."""
    pairs = list(questions())
    for i, (question, answer) in enumerate(pairs):
        messages = []
        if i % 3 == 0:
            messages.append(
                {"role": "system", "content": "You answer in one sentence."})
        for k in range(1 + (i % 4 == 1) + (i % 8 == 5)):
            q, a = pairs[(i + 5 * k) % len(pairs)]
            messages.append({"role": "user", "content": q})
            messages.append({"role": "assistant", "content": a})
        yield {"messages": messages}


def prompt_completion_rows():
    for question, answer in questions():
        yield {"prompt": question, "completion": " " + answer}


def text_rows():
    for question, answer in questions():
        yield {"text": f"Q: {question}\nA: {answer}"}


def array_rows():
    """A JSON array whose columns need a mapping to prompt and completion."""
    for i, (question, answer) in enumerate(questions()):
        yield {"id": i, "question": question, "answer": answer}


def write(folder):
    for name, rows in (("chat.jsonl", chat_rows()),
                       ("pc.jsonl", prompt_completion_rows()),
                       ("text.jsonl", text_rows())):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            for row in rows:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    with open(os.path.join(folder, "array.json"), "w", encoding="utf-8") as out:
        json.dump(list(array_rows()), out, ensure_ascii=False, indent=1)
        out.write("\n")
