"""Reports as text, Markdown, SVG and JUnit XML."""
