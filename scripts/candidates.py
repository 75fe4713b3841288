#!/usr/bin/env python3
"""Writes experiments/prompts/candidates.jsonl to stdout: synthetic candidates to be evaluated, as OpenAI batch lines.

Nobody in it is real. What a candidate shows is drawn first and then written out, so that where the prompt states a rubric
the score and the recommendation follow from it: they are the line's reference. The rest ask for a judgement, and have none.
"""
import json
import random

SYSTEM = [
    "You evaluate candidates for an automated pipeline. A program reads your answer: write the JSON object that was asked for and nothing else.",
    "You are a careful recruiter. Judge what is in the application only; never infer age, gender, origin or health. Answer with one JSON object.",
]
ASK = (
    "Evaluate the candidate. Reply with JSON: score (integer 1 to 10), strengths (1 to 3 short phrases), risks (at most 3 short phrases), "
    "recommendation (hire, interview, hold or reject), justification (one or two sentences)."
)
RUBRIC = (
    "Rubric: start at 4. Add 2 for each must-have that is shown. Add 1 for an achievement with a figure. Subtract 2 for a gap of more than a "
    "year without a reason. Subtract 1 for three or more jobs within three years. The score is between 1 and 10. "
    "Recommendation: 9 and above hire, 7 or 8 interview, 5 or 6 hold, below 5 reject."
)
# title, two must-haves each with how it is shown and how it is not, achievements with and without a figure, employers
ROLES = [
    ("Backend engineer, payments", ("operates a service in production", "on call for a payment service for {n} years", "wrote internal tools that colleagues ran"),
     ("relational databases", "moved a ledger of {m} million rows without downtime", "has used spreadsheets and a document store"),
     "cut the p99 of the checkout from {a} to {b} ms", "improved the checkout", ["Brightwater Pay", "Lumen Ledger", "Okto Checkout"]),
    ("Nurse, intensive care", ("registered with the board", "registration {r}, valid until next year", "registration lapsed, renewal applied for"),
     ("ventilated patients", "{n} years on a ward with twelve ventilators", "worked in a day clinic for minor surgery"),
     "brought central line infections from {a} to {b} a year", "took part in a hygiene project", ["St. Odile Hospital", "Riverside Clinic", "Northgate Care"]),
    ("Electrician, rail", ("work on overhead lines", "{n} years on 15 kV overhead lines", "installations in private houses"),
     ("night shifts", "worked nights in a four-shift rota since the apprenticeship", "asks for day shifts only"),
     "led a crew that renewed {m} km of line {a} days ahead of plan", "helped to renew a line", ["Alpen Rail Works", "Trackside Union", "Kestrel Power"]),
    ("Data analyst, public health", ("statistics", "survival models for a cohort of {m} thousand", "bar charts for the annual report"),
     ("writes for lay readers", "a weekly bulletin that {m} municipalities read", "internal memos for the team of analysts"),
     "found a coding error that moved {a}% of the cases", "checked data of other teams", ["Institute for Community Health", "Harbor Statistics", "Meridian Survey"]),
    ("Teacher, mathematics", ("teaching licence", "licence for mathematics and physics, grades 7 to 13", "a degree in engineering, licence not begun"),
     ("classes of mixed ability", "{n} years at a comprehensive school with classes of 30", "gave private lessons to one pupil at a time"),
     "raised the share that passes from {b}% to {a}%", "is well liked by the pupils", ["Linden School", "Hillcrest Comprehensive", "Mill Lane Academy"]),
    ("Warehouse lead", ("leads a team", "leads a shift of {n}0 people", "picks orders and trains newcomers now and then"),
     ("forklift licence", "forklift licence, renewed last spring", "forklift licence expired two years ago"),
     "brought mispicks from {a} to {b} in ten thousand", "made the aisles tidier", ["Parcelhaus", "Blue Crate Logistics", "Quay Nine"]),
    ("Product designer", ("research with users", "{m} interviews with users in the last project", "follows design blogs closely"),
     ("ships with engineers", "paired with engineers each week until the release", "handed over files and went on to the next client"),
     "a new form that {a}% more people finish", "a fresh look for the app", ["Fern & Field", "Papermoon Studio", "Civic Forms"]),
    ("Chef de partie", ("classical training", "apprenticeship and {n} years under a chef with a star", "learned from videos and a food truck"),
     ("kitchen hygiene certificate", "hygiene certificate, level 3", "hygiene certificate not yet taken"),
     "lowered food waste from {a} to {b} kg a night", "cares about waste", ["Gasthaus Anker", "Saltmarsh", "The Long Table"]),
    ("Translator, contracts", ("legal texts", "{m} contracts a year for two notaries", "subtitles of cooking shows"),
     ("certified by a court", "sworn in at the regional court {n} years ago", "certification planned for the autumn"),
     "kept {a} of {a} deadlines in the last year", "is reliable", ["Verbatim Legal", "Two Rivers Language", "Notary House Translations"]),
    ("Site engineer, bridges", ("runs a building site", "ran the site of a bridge of {m} m", "drew reinforcement plans in the office"),
     ("speaks with authorities", "negotiated {n} closures with the road authority", "left letters to the project lead"),
     "opened the crossing {a} days early", "kept the crossing on track", ["Arcus Bridges", "Stonebeam", "Delta Civil Works"]),
]
FORMS = ["cv", "letter", "notes"]


def draw(rng, i):
    role = ROLES[i % len(ROLES)]
    return role, {"first": rng.random() < 0.7, "second": rng.random() < 0.65, "figure": rng.random() < 0.5, "gap": rng.random() < 0.25,
                  "explained": rng.random() < 0.5, "hops": rng.random() < 0.2, "name": "Candidate %s-%03d" % ("ABCDEFGHJK"[i % 10], i + 1),
                  "form": FORMS[i % 3]}


def written(rng, role, c):
    title, one, two, figure, plain, employers = role
    numbers = {"n": rng.randint(3, 9), "m": rng.randint(11, 90), "a": rng.randint(41, 96), "b": rng.randint(9, 38), "r": "R-%05d" % rng.randint(1, 99999)}
    said = [one[1 if c["first"] else 2], two[1 if c["second"] else 2], figure if c["figure"] else plain]
    said = [s.format(**numbers) for s in said]
    year = rng.randint(2009, 2016)
    jobs = rng.sample(employers, 3)
    if c["hops"]:
        history = "%s 2023, %s 2024, %s since 2025" % tuple(jobs)
    else:
        history = "%s %d to 2021, %s since %s" % (jobs[0], year, jobs[1], "2023" if c["gap"] else "2021")
    gap = ""
    if c["gap"]:
        gap = "2021 to 2023: " + ("cared for a parent." if c["explained"] else "no entry.")
    if c["form"] == "cv":
        body = "Experience: %s.\n- %s\n- %s\n- %s" % (history, *said)
    elif c["form"] == "letter":
        body = "\"I come from %s (%s). My record: %s; %s; %s. I would like to talk.\"" % (jobs[1], history, *said)
    else:
        body = "Notes of the first call. History: %s. Says of the work: %s. Asked for the second must-have: %s. Proud of: %s." % (history, *said)
    return title, one[0], two[0], body + ("\n" + gap if gap else "")


def reference(c):
    score = 4 + 2 * c["first"] + 2 * c["second"] + c["figure"] - 2 * (c["gap"] and not c["explained"]) - c["hops"]
    score = max(1, min(10, score))
    return {"score": score, "recommendation": "hire" if score >= 9 else "interview" if score >= 7 else "hold" if score >= 5 else "reject"}


def main():
    rng = random.Random(20261129)
    for i in range(240):
        role, c = draw(rng, i)
        if c["hops"]:
            c["gap"] = False
        title, one, two, body = written(rng, role, c)
        ruled = i % 3 != 2 or i % 5 == 0
        parts = ["Position: %s. Must-haves: (1) %s, (2) %s." % (title, one, two), "%s\n%s" % (c["name"], body)]
        parts += [RUBRIC] if ruled else []
        messages = [{"role": "user", "content": "\n\n".join(parts + [ASK])}]
        if i % 2 == 0:
            messages.insert(0, {"role": "system", "content": SYSTEM[i // 2 % 2]})
        line = {"custom_id": "candidate-%03d" % (i + 1), "method": "POST", "url": "/v1/chat/completions",
                "body": {"model": "candidate-evaluator", "messages": messages, "max_tokens": 256}}
        if ruled and i % 4 != 3:
            line["reference"] = reference(c)
        print(json.dumps(line))


main()
