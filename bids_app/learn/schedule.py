"""How large the steps are, over the course of training."""

from __future__ import annotations

import math


def factor(done: float, warm_up: float) -> float:
    """Share of the learning rate: a straight line up, then half a cosine down to 0.

    Parameters
    ----------
    done : float
        Share of the training that is done, 0 to 1.
    warm_up : float
        Share of the training in which the rate rises.

    References
    ----------
    Loshchilov & Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5,
    without restarts.
    """
    if done < warm_up:
        return done / warm_up
    if warm_up >= 1:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min((done - warm_up) / (1 - warm_up), 1.0)))
