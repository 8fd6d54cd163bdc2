// Figures that take long to compute are computed anew when they are older than this.
export const FRESH = 60; // seconds
