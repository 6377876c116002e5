"""The pages in Chromium against a real server process, and the JavaScript modules under Node's test runner."""
