"""The printable sheet: the test code that every scanner must read, small and large, and its settings.

Knows the page; must not know how a scan is judged. Makers' reset codes differ by model and even by
firmware, so the sheet keeps a place for the one of the scanner's own manual.
"""

from __future__ import annotations

import io

import segno

from terminals.scan_test import TEST_CODE

_STYLE = """
@page { size: A4; margin: 14mm } body { font: 15px/1.45 sans-serif; color: #16211b; margin: 24px auto;
  max-width: 180mm }
h1 { font-size: 26px; margin: 0 } h2 { font-size: 17px; margin: 22px 0 6px }
p { margin: 4px 0 } ol { margin: 4px 0; padding-left: 22px }
.codes { display: flex; gap: 14mm; align-items: end; margin: 8mm 0 } .codes svg { display: block }
.large svg { width: 60mm; height: 60mm } .small svg { width: 22mm; height: 22mm }
.paste { border: 2px dashed #8a8779; border-radius: 8px; height: 42mm;
  display: grid; place-content: center; text-align: center; color: #626c65 }
code { background: #f0eee7; padding: 1px 6px; border-radius: 5px }
"""
_STEPS = (
    ("Run “python -m terminals doctor --scan” and scan the large code, then the small one.",
     "运行“python -m terminals doctor --scan”，先扫大码，再扫小码。"),
    ("The large one reads and the small one does not: wipe the window (HW-SCN-02).",
     "大码能读、小码不能读：请擦拭扫描窗（HW-SCN-02）。"),
    ("Neither reads: wipe, try again; then use the standby scanner (HW-SCN-03).",
     "都不能读：擦拭后再试；仍不行请用备用扫码器（HW-SCN-03）。"),
    ("It reads, but arrives changed: scan the reset code below, then these settings (HW-SCN-04).",
     "能读但内容被改变：先扫下面的复位码，再按以下设置（HW-SCN-04）。"),
)  # fmt: skip
_SETTINGS = (
    (
        "Keyboard layout: US English. No prefix. Suffix: Enter (CR) alone.",
        "键盘布局：美式英语。无前缀。后缀：仅回车。",
    ),
    ("QR code on, all characters sent, no change of capitals.", "开启二维码，发送全部字符，不改变大小写。"),
    ("Serial port: 9600 8N1, no flow control.", "串口：9600 8N1，无流控。"),
)


def sheet_html() -> str:
    """Give the sheet as one HTML file that needs nothing else, in both languages, for A4 paper."""
    steps = "".join(f"<li>{en}<br><span lang='zh-Hans'>{zh}</span></li>" for en, zh in _STEPS)
    settings = "".join(f"<p>{en}<br><span lang='zh-Hans'>{zh}</span></p>" for en, zh in _SETTINGS)
    code = _svg(TEST_CODE)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Scanner test sheet</title>"
        f"<style>{_STYLE}</style></head><body>"
        "<h1>Scanner test sheet <span lang='zh-Hans'>扫码器测试页</span></h1>"
        f"<div class='codes'><div class='large'>{code}</div><div class='small'>{code}</div></div>"
        f"<p><code>{TEST_CODE}</code></p><ol>{steps}</ol>"
        "<h2>Reset code of this scanner <span lang='zh-Hans'>本扫码器的复位码</span></h2>"
        "<div class='paste'>Paste the “factory defaults” code of the scanner's own manual here."
        "<br><span lang='zh-Hans'>请将扫码器说明书中的“恢复出厂设置”码贴在此处。</span></div>"
        f"<h2>Settings <span lang='zh-Hans'>设置</span></h2>{settings}</body></html>\n"
    )


def _svg(text: str) -> str:
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="svg", border=4, omitsize=True, xmldecl=False)
    return drawn.getvalue().decode()
