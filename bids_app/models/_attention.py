"""Layers of a transformer whose decoder can go on from where it was.

Layers normalise before they add (Xiong et al. 2020, "On Layer Normalization in the Transformer
Architecture"), which trains without a long warm-up.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

Heard = tuple[Tensor, Tensor]
"""Keys and values, shape (batch, head, token, depth) each."""


class Attention(nn.Module):
    """Scaled dot-product attention of several heads (Vaswani et al. 2017, equation 1)."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(width, width)
        # An offset of all keys would change nothing.
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def hear(self, tokens: Tensor) -> Heard:
        """Keys and values of tokens of shape (batch, token, width)."""
        return self._heads(self.key(tokens)), self._heads(self.value(tokens))

    def forward(self, tokens: Tensor, heard: Heard, *, causal: bool = False) -> Tensor:
        """Attend from tokens of shape (batch, token, width) to what was heard; the same shape."""
        query = self._heads(self.query(tokens))
        found = nn.functional.scaled_dot_product_attention(query, *heard, is_causal=causal)
        mixed: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return mixed

    def _heads(self, tokens: Tensor) -> Tensor:
        heads: Tensor = tokens.unflatten(2, (self.n_heads, -1)).transpose(1, 2)
        return heads


class EncoderLayer(nn.Module):
    """Self-attention, then two dense layers for each token."""

    def __init__(self, width: int, n_heads: int, n_hidden: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, n_heads)
        self.dense = dense(width, n_hidden)
        self.before = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """From (batch, token, width) to the same shape."""
        x = self.before[0](tokens)
        tokens = tokens + self.dropout(self.attention(x, self.attention.hear(x)))
        mixed: Tensor = tokens + self.dropout(self.dense(self.before[1](tokens)))
        return mixed


class DecoderLayer(nn.Module):
    """Attention to earlier tokens, attention to the source, then two dense layers."""

    def __init__(self, width: int, n_heads: int, n_hidden: int, dropout: float) -> None:
        super().__init__()
        self.own = Attention(width, n_heads)
        self.source = Attention(width, n_heads)
        self.dense = dense(width, n_hidden)
        self.before = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens: Tensor, source: Heard, earlier: Heard | None = None
    ) -> tuple[Tensor, Heard]:
        """Decode some tokens.

        Parameters
        ----------
        tokens : Tensor of shape (batch, token, width)
            All tokens; or the next one alone, when what was heard of the earlier ones is given.
        source : tuple of Tensor
            Keys and values of the source, from ``source.hear``.
        earlier : tuple of Tensor, optional
            Keys and values of the earlier tokens, as the last call gave them.

        Returns
        -------
        tokens : Tensor of shape (batch, token, width)
            Decoded.
        heard : tuple of Tensor
            Keys and values of all tokens so far.
        """
        x = self.before[0](tokens)
        heard = self.own.hear(x)
        if earlier is not None:
            heard = (torch.cat((earlier[0], heard[0]), 2), torch.cat((earlier[1], heard[1]), 2))
        alone = earlier is not None or tokens.shape[1] == 1
        tokens = tokens + self.dropout(self.own(x, heard, causal=not alone))
        tokens = tokens + self.dropout(self.source(self.before[1](tokens), source))
        return tokens + self.dropout(self.dense(self.before[2](tokens))), heard


def dense(width: int, n_hidden: int) -> nn.Sequential:
    """Two dense layers with a smooth step between them."""
    return nn.Sequential(nn.Linear(width, n_hidden), nn.GELU(), nn.Linear(n_hidden, width))


def sinusoids(n_tokens: int, width: int) -> Tensor:
    """Positions of shape (token, width) as sines and cosines (Vaswani et al. 2017, section 3.5)."""
    place = torch.arange(n_tokens)[:, None]
    rate = torch.exp(-torch.arange(0, width, 2) * (torch.log(torch.tensor(1e4)) / width))
    return torch.stack((torch.sin(place * rate), torch.cos(place * rate)), 2).flatten(1)[:, :width]
