"""Subtitles saved in the encodings of before Unicode read right, or say that they may not."""

from pathlib import Path

import pytest

from tools.speech.subtitle_encoding import decode, find_language
from tools.speech.subtitles import read_subtitles

SAID = {
    "pl": "Gdzie położyłeś tę książkę?\nWczoraj wieczorem była na półce.\nMoże zabrała ją twoja siostra.",
    "cs": "Kde jsi nechal tu knížku?\nVčera večer ještě ležela na polici.\nMožná ji vzala tvoje sestřenice.",
    "hu": "Hová tetted a könyvet?\nTegnap este még a polcon volt.\nTalán a nővéred vitte el, ő szereti.",
    "ro": "Unde ai pus cartea aceea?\nAseară era încă pe raftul de sus.\nPoate că a luat-o sora ta mai mică, ştii tu.",
    "hr": "Gdje si ostavio onu knjižicu?\nJučer navečer još je bila na polici.\nMožda ju je uzela rođakinja.",
    "ru": "Куда ты положил эту книгу?\nВчера вечером она стояла на полке.\nНаверное, её взяла твоя сестра.",
    "uk": "Куди ти поклав цю книжку?\nУчора ввечері вона ще стояла на полиці.\nМабуть, її взяла твоя сестра.",
    "bg": "Къде сложи тази книга?\nСнощи още беше на рафта.\nСигурно сестра ти я е взела.",
    "sr": "Где си оставио ону књигу?\nСиноћ је још била на полици.\nМожда ју је узела твоја сестра, ђаво би га знао.",
    "el": "Πού έβαλες εκείνο το βιβλίο;\nΧθες το βράδυ ήταν ακόμα στο ράφι.\nΊσως το πήρε η αδελφή σου.",
    "tr": "O kitabı nereye koydun?\nDün akşam hâlâ raftaydı, değil mi?\nBelki kız kardeşin almıştır.",
    "he": "איפה שמת את הספר ההוא?\nאתמול בערב הוא עוד היה על המדף.\nאולי אחותך לקחה אותו.",
    "ar": "أين وضعت ذلك الكتاب؟\nكان على الرف مساء أمس.\nربما أخذته أختك الصغيرة.",
    "lt": "Kur padėjai tą knygą?\nVakar vakare ji dar buvo lentynoje.\nGal ją paėmė tavo sesuo, kažin.",
    "lv": "Kur tu noliki to grāmatu?\nVakar vakarā tā vēl bija plauktā.\nVarbūt to paņēma tava māsa.",
    "th": "คุณวางหนังสือเล่มนั้นไว้ที่ไหน\nเมื่อคืนมันยังอยู่บนชั้น\nบางทีน้องสาวของคุณอาจเอาไป",
    "zh": "你把那本书放在哪里了？\n昨天晚上它还在架子上。\n也许是你妹妹拿走了。",
    "zh-tw": "你把那本書放在哪裡了？\n昨天晚上它還在架子上。\n也許是你妹妹拿走了。",
    "ja": "あの本をどこに置いたの？\n昨日の夜はまだ棚の上にあったよ。\n妹さんが持って行ったのかもしれない。",
    "ko": "그 책을 어디에 두었어?\n어젯밤에는 아직 선반 위에 있었는데.\n아마 네 여동생이 가져갔을 거야.",
    "de": "Wohin hast du das Buch gelegt?\nGestern Abend war es noch im Regal.\nVielleicht weiß deine Schwester mehr.",
    "fr": "Où as-tu posé ce livre ?\nHier soir, il était encore sur l'étagère.\nTa sœur l'a peut-être emporté.",
    "es": "¿Dónde has puesto aquel libro?\nAnoche todavía estaba en el estante.\nQuizás se lo llevó tu hermana.",
    "sv": "Var lade du den där boken?\nI går kväll stod den ännu på hyllan.\nKanske tog din lillasyster den.",
}
SAVED = [
    *[(language, code) for language in ("pl", "cs", "hu", "ro", "hr") for code in ("cp1250", "iso8859-2")],
    *[("ru", code) for code in ("cp1251", "koi8-r", "iso8859-5", "mac-cyrillic", "cp866")],
    *[("uk", "cp1251"), ("uk", "koi8-u"), ("bg", "cp1251"), ("sr", "cp1251"), ("el", "cp1253"), ("el", "iso8859-7")],
    *[("tr", "cp1254"), ("tr", "iso8859-9"), ("he", "cp1255"), ("he", "iso8859-8"), ("ar", "cp1256")],
    *[("ar", "iso8859-6"), ("lt", "cp1257"), ("lv", "cp1257"), ("th", "cp874"), ("zh", "gb18030"), ("zh", "gb2312")],
    *[("zh-tw", "big5"), ("ja", "shift_jis"), ("ja", "euc-jp"), ("ja", "iso2022_jp"), ("ko", "euc-kr")],
    *[("de", "cp1252"), ("de", "mac-roman"), ("fr", "cp1252"), ("fr", "iso8859-15"), ("es", "cp1252")],
    *[("es", "mac-roman"), ("sv", "cp1252")],
]
"""Languages with the encodings that files in them were saved in."""


def as_srt(text: str) -> str:
    """An .srt with a cue for each row."""
    return "\n".join(
        f"{number}\n00:00:{2 * number:02d},000 --> 00:00:{2 * number + 1:02d},500\n{row}\n"
        for number, row in enumerate(text.split("\n"), start=1)
    )


@pytest.mark.parametrize(("language", "encoding"), SAVED, ids=lambda value: value)
def test_a_short_file_of_every_old_encoding_reads_right_and_without_doubt(
    tmp_path: Path, language: str, encoding: str
) -> None:
    path = tmp_path / "film.srt"
    path.write_bytes(as_srt(SAID[language]).encode(encoding))
    lines = read_subtitles(path)
    assert [line.text for line in lines] == [" ".join(row.split()) for row in SAID[language].split("\n")]
    assert not any(line.doubts for line in lines)


@pytest.mark.parametrize(("language", "encoding"), SAVED, ids=lambda value: value)
@pytest.mark.parametrize("is_named", [False, True])
def test_a_single_line_is_never_wrong_and_trusted(language: str, encoding: str, is_named: bool) -> None:
    for row in SAID[language].split("\n"):
        decoded = decode(as_srt(row).encode(encoding), find_language(f"film.{language}.srt") if is_named else None)
        assert decoded.text == as_srt(row) or decoded.doubt, (row, decoded)


def test_the_doubt_stands_on_the_lines_that_it_is_about(tmp_path: Path) -> None:
    path = tmp_path / "film.srt"
    path.write_bytes(as_srt("Hello\nЧто случилось вчера вечером?").encode("mac-cyrillic"))
    plain_line, other = read_subtitles(path)
    assert plain_line.doubts == ()
    assert "encoding" in other.doubts[0]


def test_the_language_in_the_name_decides_between_encodings_that_both_fit() -> None:
    raw = as_srt("Að neþinau, kur yra mano brolis.").encode("cp1252")
    assert "Aš nežinau" in decode(raw, "lt").text
    assert "Að neþinau" in decode(raw, "is").text


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("film.ru.srt", "ru"),
        ("film.rus.forced.srt", "ru"),
        ("Some Film (2001) [Polish].srt", "pl"),
        ("film.zh-TW.srt", "zh"),
        ("film.srt", None),
        ("it.srt", None),
        ("film.2001.srt", None),
    ],
)
def test_a_file_name_tells_its_language(name: str, language: str | None) -> None:
    assert find_language(name) == language


def test_utf8_with_a_broken_byte_stays_utf8_and_the_broken_line_is_doubted(tmp_path: Path) -> None:
    raw = bytearray(as_srt(SAID["ru"] * 3).encode())
    raw[raw.index("книгу".encode()) + 1] = 0x20
    path = tmp_path / "film.srt"
    path.write_bytes(raw)
    lines = read_subtitles(path)
    assert "letters are damaged" in lines[0].doubts
    assert lines[1].text == "Вчера вечером она стояла на полке."
    assert not any(line.doubts for line in lines[1:])


def test_bytes_of_no_encoding_are_doubted() -> None:
    assert decode(b"1\n00:00:01,000 --> 00:00:02,000\n" + bytes(range(128, 256)) * 3).doubt
