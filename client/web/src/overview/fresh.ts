// Older figures are computed anew. With a million images the counts take two processors three seconds, and the
// curve, the estimates and the check fifteen together.
export const FRESH_COUNTS = 60; // seconds
export const FRESH = 600;
