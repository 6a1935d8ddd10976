"""Pure statistics: ratios, intervals, disturbance, simulation."""
