"""Packages of AOTInductor (.pt2)."""
