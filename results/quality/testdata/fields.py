"""Prints fields.json: pairs of scores and of choices with what scipy and scikit-learn say of them.

pip install scipy==1.17.1 scikit-learn numpy
"""
import json
import random

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

rng = random.Random(3)
words = ["hire", "interview", "hold", "reject"]
scores, choices = [], []
for n in (2, 5, 17, 60, 240):
    for noise in (0, 1, 4):
        a = [rng.randint(1, 10) for _ in range(n)]
        b = [min(10, max(1, x + rng.randint(-noise, noise) + (noise == 4))) for x in a]
        d = np.array(b, float) - np.array(a, float)
        half = 1.96 * d.std(ddof=1)
        rho = spearmanr(a, b).statistic
        scores.append({"a": a, "b": b, "mean_absolute": float(abs(d).mean()), "bias": float(d.mean()), "low": float(d.mean() - half),
                       "high": float(d.mean() + half), "spearman": None if np.isnan(rho) else float(rho)})
    for keep in (0.0, 0.6, 0.95):
        a = [rng.choice(words) for _ in range(n)]
        b = [x if rng.random() < keep else rng.choice(words) for x in a]
        if len(set(a + b)) > 1:
            choices.append({"a": a, "b": b, "kappa": float(cohen_kappa_score(a, b))})
print(json.dumps({"scores": scores, "choices": choices}))
