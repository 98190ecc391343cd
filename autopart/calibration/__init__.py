"""Measures the devices that JAX sees and writes what they can do as a device profile."""

from autopart.calibration.effort import Effort
from autopart.calibration.fit import Line, fit_line
from autopart.calibration.measure import Calibration, calibrate, effort_for, number_of_probes
from autopart.calibration.profile import write_profile

__all__ = [
    "Calibration",
    "Effort",
    "Line",
    "calibrate",
    "effort_for",
    "fit_line",
    "number_of_probes",
    "write_profile",
]
