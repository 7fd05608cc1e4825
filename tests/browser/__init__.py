"""Tests of the page transcript.html in Chromium. As a package they share one browser, which ends with them."""
