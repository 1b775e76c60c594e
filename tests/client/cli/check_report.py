"""Is this page what `lockstep report` promises?

    python3 check_report.py PAGE [--texts TEXT...] [--absent TEXT...]

Every element is closed where it should be, nothing is loaded from elsewhere, no
script runs, each chart is an inline <svg> whose curves lie inside it. --texts
must be among what a reader sees, and --absent must not.

Ends with one line, `check_report: ok ...` and exit status 0, or
`check_report: FAILED ...` and 1.
"""

import argparse
import html.parser
import re
import sys

# Elements that have no end.
VOID = {"meta", "br", "link", "img", "input", "hr"}
# What a page may load or run by itself.
ACTIVE = {"script", "iframe", "object", "embed", "link", "img", "form", "base",
          "audio", "video", "image", "use", "foreignobject"}
LOADING_ATTRIBUTES = {"src", "href", "xlink:href", "srcset", "action", "data",
                      "background", "style"}


class Page(html.parser.HTMLParser):

  def __init__(self):
    super().__init__(convert_charrefs=True)
    self.problems = []
    self.texts = []
    self.charts = []
    self.policy = None
    self.open = []

  def handle_starttag(self, tag, attributes):
    names = dict(attributes)
    if tag in ACTIVE:
      self.problems.append(f"<{tag}> at {self.getpos()}")
    for name, value in attributes:
      if name in LOADING_ATTRIBUTES or name.startswith("on"):
        self.problems.append(f'{name}="{value}" at {self.getpos()}')
    if names.get("http-equiv") == "Content-Security-Policy":
      self.policy = names["content"]
    if tag == "svg":
      self.charts.append([*map(float, names["viewbox"].split()[2:])])
    if tag == "polyline":
      self.check_curve(names["points"])
    if tag not in VOID:
      self.open.append(tag)

  def handle_startendtag(self, tag, attributes):
    self.handle_starttag(tag, attributes)
    self.open.pop()

  def handle_endtag(self, tag):
    if not self.open or self.open.pop() != tag:
      self.problems.append(f"</{tag}> at {self.getpos()} closes nothing")

  def handle_data(self, data):
    if "style" in self.open:
      if re.search(r"url\(|@import|expression", data):
        self.problems.append("the style loads something")
    elif data.strip():
      self.texts.append(" ".join(data.split()))

  def check_curve(self, points):
    width, height = self.charts[-1]
    for point in points.split():
      x, y = map(float, point.split(","))
      if not (0 <= x <= width and 0 <= y <= height):
        self.problems.append(f"a curve leaves its chart at {point}")


def check(args):
  with open(args.page, encoding="utf-8") as file:
    text = file.read()
  page = Page()
  page.feed(text)
  page.close()
  if page.problems:
    return page.problems[0]
  if page.open:
    return f"not closed: {page.open}"
  if not text.startswith("<!DOCTYPE html>"):
    return "no doctype"
  if page.policy is None or "default-src 'none'" not in page.policy:
    return f"content security policy: {page.policy}"
  if len(page.charts) != args.charts:
    return f"{len(page.charts)} charts, not {args.charts}"
  seen = "\n".join(page.texts)
  for wanted in args.texts:
    if wanted not in seen:
      return f"nobody sees {wanted!r} in:\n{seen}"
  for unwanted in args.absent:
    if unwanted in seen:
      return f"{unwanted!r} is seen in:\n{seen}"
  return None


def main():
  parser = argparse.ArgumentParser(
      description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("page")
  parser.add_argument("--charts", type=int, required=True)
  parser.add_argument("--texts", nargs="*", default=[])
  parser.add_argument("--absent", nargs="*", default=[])
  args = parser.parse_args()
  wrong = check(args)
  if wrong:
    print(f"check_report: FAILED {wrong}")
    sys.exit(1)
  print(f"check_report: ok charts={args.charts}")


if __name__ == "__main__":
  main()
