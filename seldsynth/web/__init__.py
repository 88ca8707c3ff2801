"""The pages: HTML, CSS, JavaScript and one shader, as they are served; nothing is built."""
