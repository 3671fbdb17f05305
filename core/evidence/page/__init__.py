"""The review page: one file that shows a whole exit and checks its bundle in the browser."""
