"""Normal numbers from uniform ones: the inverse of the normal distribution function, in operations of a model.

What it is
    :func:`quantile` holds for tensors and for nodes of a graph alike, so that every engine makes the same normal
    number of the same random bits; in float64 bit for bit (inside :func:`snn.exact.exact_math`).

Source: M. J. Wichura (1988), Algorithm AS 241, "The percentage points of the normal distribution", Applied Statistics
37, 477: its rational approximations of 16 digits.
"""

import torch

# fmt: off
CENTRE = (
    (3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
     45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727),
    (1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
     21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610),
)
TAIL = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
     1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
     0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)
FAR = (
    (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230,
     0.0265321895265761230930, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)
# fmt: on
EDGE = 2.0**-26


def quantile(u):
    """The number that a standard normal variable stays below with probability ``u``.

    Formula
        q = u - 1/2. Where |q| <= 0.425: q A(t) / B(t), t = 0.425^2 - q^2. Elsewhere +- A(t) / B(t) with
        t = sqrt(-log(min(u, 1 - u))) less 1.6, or less 5 where it exceeds 5. A and B are polynomials of degree 7 whose
        coefficients are selected before they are evaluated, so that one rational function and one logarithm are all.
    Shapes and units: ``u`` in (0, 1), no subnormal number, float32 or float64 tensor of any shape or graph node; the
        result is its like. Random bits give ``u = (bits + 0.5) 2^-32``. In float32 such a number may be rounded to 1:
        0 and 1 count as 2^-26 and 1 - 2^-26 (5.5 standard deviations), so that the result is always finite.
    Accuracy: relative error below 1e-13 in float64; in float32 1e-6 of the result for the u given.
    Example: ``quantile(torch.tensor(0.975))`` is 1.96.
    """
    q = u - 0.5
    centre = torch.abs(q) <= 0.425
    side = torch.minimum(u, 1.0 - u)
    r = torch.sqrt(-torch.log(torch.where(side > 0.0, side, EDGE)))
    far = r > 5.0
    t = torch.where(centre, 0.180625 - q * q, r - torch.where(far, torch.full_like(q, 5.0), 1.6))
    above, below = (_polynomial(q, t, centre, far, k) for k in (0, 1))
    sign = torch.where(q < 0.0, torch.full_like(q, -1.0), 1.0)
    return torch.where(centre, q, sign) * (above / below)


def _polynomial(q, t, centre, far, k):
    """Horner's scheme with the coefficients of the region; ``full_like`` keeps the precision of ``q``."""
    total = None
    for inner, tail, outer in reversed(list(zip(CENTRE[k], TAIL[k], FAR[k], strict=True))):
        c = inner
        if not inner == tail == outer:
            c = torch.where(centre, torch.full_like(q, inner), torch.where(far, torch.full_like(q, outer), tail))
        total = c if total is None else total * t + c
    return total
