"""The figures of golden.json, computed with numpy and scipy alone.

    python golden.py > golden.json

The cases are made here; the Go test reads them and compares."""

import json
import sys

import numpy as np
from scipy import stats

rng = np.random.default_rng(20261124)


def rounded(values):
    return [round(float(v), 6) for v in values]


def interval(values):
    """Distribution-free interval of the median by binomial order statistics; None below six values."""
    found = stats.quantile_test(values, q=np.median(values), p=0.5)
    low, high = found.confidence_interval(0.95)
    return None if len(values) < 6 else [float(low), float(high)]


def pooled(cells):
    logs = [np.log(c) for c in cells if len(c) > 1]
    freedom = sum(len(c) - 1 for c in logs)
    return sum(np.var(c, ddof=1) * (len(c) - 1) for c in logs) / freedom, freedom


def bootstrap(a, b):
    r = np.random.default_rng(7)
    over = np.median(r.choice(a, (200_000, len(a))), axis=1)
    under = np.median(r.choice(b, (200_000, len(b))), axis=1)
    return np.quantile(over / under, [0.025, 0.975]).tolist()


one, two, ratios = [], [], []
for n in (1, 2, 5, 6, 7, 8, 9, 12, 17, 30, 41):
    values = rounded(rng.lognormal(6, 0.2, n))
    one.append({"values": values, "median": float(np.median(values)), "interval": interval(values)})

cells = [rounded(rng.lognormal(m, 0.05, n)) for m, n in ((3, 3), (4, 3), (5, 2), (6, 5), (7, 1))]
variance, freedom = pooled(cells)
t = stats.t.ppf(0.975, freedom)
for values in cells[:4]:
    half = t * np.sqrt(variance / len(values))
    two.append({"values": values, "low": float(np.exp(np.mean(np.log(values)) - half)), "high": float(np.exp(np.mean(np.log(values)) + half))})
half = t * np.sqrt(variance * (1 / len(cells[0]) + 1 / len(cells[3])))
middle = np.mean(np.log(cells[0])) - np.mean(np.log(cells[3]))
pool = {"cells": cells, "variance": float(variance), "freedom": freedom, "estimates": two,
        "ratio": [float(np.exp(middle - half)), float(np.exp(middle + half))]}

for n, m, shift, digits in ((4, 4, 0.3, 6), (4, 5, 0, 6), (6, 6, 0.1, 6), (9, 12, 0.2, 6), (6, 7, 0.05, -1), (20, 21, 0.05, 6)):
    a, b = np.round(rng.lognormal(5 + shift, 0.1, n), digits).tolist(), np.round(rng.lognormal(5, 0.1, m), digits).tolist()
    ties = len(set(a + b)) < n + m
    if ties:  # exact with ties: every way to split the pooled sample, twice the smaller tail
        p = stats.permutation_test((a, b), lambda x, y: stats.mannwhitneyu(x, y).statistic, n_resamples=np.inf,
                                   alternative="two-sided", vectorized=False).pvalue
    else:
        p = stats.mannwhitneyu(a, b, method="exact").pvalue
    ratios.append({"a": a, "b": b, "p": float(p), "median": float(np.median(a) / np.median(b)),
                   "bootstrap": bootstrap(a, b) if min(n, m) >= 6 else None})

json.dump({"one": one, "pool": pool, "ratios": ratios}, sys.stdout, indent=1)
print()
