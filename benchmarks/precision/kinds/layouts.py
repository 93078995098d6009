"""Rendered pages as data: what stands where. A page can be drawn, and its numbers changed."""

from dataclasses import dataclass, replace

from numpy.random import Generator
from PIL import Image, ImageDraw

from benchmarks.precision.kinds.text import FIRMS, GOODS, NAMES, font, one_of, shade

A4 = (1240, 1754)  # pixels: A4 at 150 dots an inch
_INK = (25, 25, 30)
_RULE = (120, 120, 125)


@dataclass(frozen=True)
class Item:
    """A text at a place in pixels; `anchor` is Pillow's, and `size` is in pixels."""

    x: float
    y: float
    text: str
    size: float
    anchor: str = "la"
    is_number: bool = False


@dataclass(frozen=True)
class Layout:
    """A page: its size, texts and rules (left, top, right, bottom), and a logo if it has one."""

    width: int
    height: int
    items: tuple[Item, ...]
    rules: tuple[tuple[float, float, float, float], ...] = ()
    logo: tuple[str, tuple[int, int, int], float, float] | None = None  # letters, colour, x, y

    def drawn(self, face: str) -> Image.Image:
        """The page in black on white."""
        page = Image.new("RGB", (self.width, self.height), "white")
        draw = ImageDraw.Draw(page)
        for rule in self.rules:
            draw.rectangle(rule, fill=_RULE)
        if self.logo:
            letters, colour, x, y = self.logo
            draw.ellipse((x, y, x + 130, y + 130), fill=colour)
            draw.text((x + 65, y + 65), letters, "white", font(face, 60), "mm")
        for item in self.items:
            draw.text((item.x, item.y), item.text, _INK, font(face, item.size), item.anchor)
        return page


def with_other_digit(layout: Layout, rng: Generator) -> Layout:
    """The page with another digit in one of its numbers."""
    places = [n for n, item in enumerate(layout.items) if item.is_number]
    chosen = places[int(rng.integers(len(places)))]
    text = layout.items[chosen].text
    digits = [n for n, letter in enumerate(text) if letter.isdigit()]
    place = digits[int(rng.integers(len(digits)))]
    return _exchanged(layout, {chosen: text[:place] + _other(text[place], rng) + text[place + 1 :]})


def with_other_numbers(layout: Layout, rng: Generator) -> Layout:
    """The page with all digits of three to six of its numbers drawn again."""
    places = [n for n, item in enumerate(layout.items) if item.is_number]
    count = min(len(places), int(rng.integers(3, 6, endpoint=True)))
    chosen = [places[n] for n in rng.choice(len(places), count, replace=False)]
    return _exchanged(
        layout,
        {
            place: "".join(
                _other(letter, rng) if letter.isdigit() else letter
                for letter in layout.items[place].text
            )
            for place in chosen
        },
    )


def invoice(rng: Generator) -> Layout:
    """An A4 invoice with 5 to 14 rows; two in three have a logo."""
    firm = one_of(FIRMS, rng)
    items = [
        Item(110, 120, firm, 46),
        Item(110, 185, f"{rng.integers(1, 90)} Station Road, {rng.integers(10000, 99999)}", 24),
        Item(110, 330, one_of(NAMES, rng), 26),
        Item(110, 366, f"{rng.integers(1, 150)} Garden Street", 26),
        Item(110, 500, "Invoice", 54),
        Item(1130, 505, f"No. {rng.integers(100000, 999999)}", 28, "ra", True),
        Item(1130, 550, _date(rng), 28, "ra", True),
    ]
    rules = [(110.0, 640.0, 1130.0, 642.0)]
    items += [Item(110, 600, "Item", 24), Item(1130, 600, "Amount", 24, "ra")]
    total, y = 0, 665
    for _ in range(int(rng.integers(5, 14, endpoint=True))):
        count, price = int(rng.integers(1, 20)), int(rng.integers(95, 19_999))
        items += [
            Item(110, y, one_of(GOODS, rng), 26),
            Item(720, y, str(count), 26, "ra", True),
            Item(930, y, _money(price), 26, "ra", True),
            Item(1130, y, _money(count * price), 26, "ra", True),
        ]
        total, y = total + count * price, y + 52
    rules.append((700.0, y + 10.0, 1130.0, y + 12.0))
    items += [
        Item(720, y + 35, "Tax", 26),
        Item(1130, y + 35, _money(total // 5), 26, "ra", True),
        Item(720, y + 85, "Total", 34),
        Item(1130, y + 85, _money(total + total // 5), 34, "ra", True),
        Item(110, 1640, f"Account {rng.integers(10**9, 10**10)}, payable within 14 days", 22),
    ]
    logo = (firm[0], shade(rng, 20, 170), 1000.0, 90.0) if rng.random() < 2 / 3 else None
    return Layout(*A4, tuple(items), tuple(rules), logo)


def receipt(rng: Generator) -> Layout:
    """A till receipt, 576 pixels wide, with 4 to 16 rows."""
    items = [
        Item(288, 40, one_of(FIRMS, rng), 40, "ma"),
        Item(288, 95, f"{rng.integers(1, 90)} Market Square", 24, "ma"),
        Item(40, 150, _date(rng), 24, "la", True),
        Item(536, 150, f"{rng.integers(8, 21):02}:{rng.integers(60):02}", 24, "ra", True),
    ]
    total, y = 0, 215
    for _ in range(int(rng.integers(4, 16, endpoint=True))):
        price = int(rng.integers(45, 4_999))
        items += [
            Item(40, y, one_of(GOODS, rng), 26),
            Item(536, y, _money(price), 26, "ra", True),
        ]
        total, y = total + price, y + 44
    rules = ((40.0, y + 8.0, 536.0, y + 10.0),)
    items += [
        Item(40, y + 30, "TOTAL", 38),
        Item(536, y + 30, _money(total), 38, "ra", True),
        Item(288, y + 110, f"Receipt {rng.integers(10000, 99999)}", 22, "ma", True),
        Item(288, y + 145, "Thank you", 26, "ma"),
    ]
    return Layout(576, y + 210, tuple(items), rules)


def table(rng: Generator) -> Layout:
    """An A4 page with a table of numbers: 12 to 28 rows of 4 to 7 columns."""
    rows = int(rng.integers(12, 28, endpoint=True))
    columns = int(rng.integers(4, 7, endpoint=True))
    step, size = 1500 / (rows + 2), 24
    items = [Item(110, 90, f"Sales by region, {rng.integers(1990, 2026)}", 40)]
    rules = []
    for row in range(rows):
        y = 190 + (row + 1) * step
        items.append(Item(110, y, one_of(GOODS, rng), size))
        rules.append((110.0, y - 8.0, 1130.0, y - 7.0))
        for column in range(columns):
            x = 400 + (column + 1) * 730 / columns
            value = f"{rng.integers(100, 99_999):,}"
            items.append(Item(x, y, value, size, "ra", True))
    for column in range(columns):
        items.append(Item(400 + (column + 1) * 730 / columns, 190, f"Q{column + 1}", size, "ra"))
    return Layout(*A4, tuple(items), tuple(rules))


def with_other_total(layout: Layout, rng: Generator) -> Layout:
    """A receipt with all digits of its total drawn again."""
    (place,) = (n for n, item in enumerate(layout.items) if item.is_number and item.size == 38)
    text = layout.items[place].text
    other = "".join(_other(letter, rng) if letter.isdigit() else letter for letter in text)
    return _exchanged(layout, {place: other})


def _exchanged(layout: Layout, texts: dict[int, str]) -> Layout:
    items = [
        replace(item, text=texts.get(place, item.text)) for place, item in enumerate(layout.items)
    ]
    return replace(layout, items=tuple(items))


def _other(digit: str, rng: Generator) -> str:
    """Another digit, never a zero, so that a number keeps its length."""
    return one_of([other for other in "123456789" if other != digit], rng)


def _money(cents: int) -> str:
    return f"{cents / 100:,.2f}"


def _date(rng: Generator) -> str:
    return f"{rng.integers(1, 29):02}.{rng.integers(1, 13):02}.{rng.integers(2015, 2027)}"
