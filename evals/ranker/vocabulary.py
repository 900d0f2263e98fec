"""Vocabulary of generated screens, talks and questions: nouns in the six languages of `lite`, names, phrasings."""

from importlib.resources import files
from typing import Final

from tools.plain_data import loads_toml

LANGUAGES: Final = ("en", "de", "es", "fr", "ru", "zh")

_DISHES = """soup Suppe sopa soupe суп 汤
salad Salat ensalada salade салат 沙拉
pasta Pasta pasta pâtes паста 意面
pizza Pizza pizza pizza пицца 披萨
coffee Kaffee café café кофе 咖啡
tea Tee té thé чай 茶
cake Kuchen pastel gâteau торт 蛋糕
bread Brot pan pain хлеб 面包
fish Fisch pescado poisson рыба 鱼
cheese Käse queso fromage сыр 奶酪
juice Saft zumo jus сок 果汁
ticket Fahrkarte billete billet билет 票
lamp Lampe lámpara lampe лампа 灯
shirt Hemd camisa chemise рубашка 衬衫
bicycle Fahrrad bicicleta vélo велосипед 自行车"""
_TOPICS = """bridge Brücke puente pont мост 桥
school Schule escuela école школа 学校
museum Museum museo musée музей 博物馆
factory Fabrik fábrica usine завод 工厂
festival Festival festival festival фестиваль 节日
hospital Krankenhaus hospital hôpital больница 医院
library Bibliothek biblioteca bibliothèque библиотека 图书馆
harbour Hafen puerto port порт 港口
stadium Stadion estadio stade стадион 体育场
tunnel Tunnel túnel tunnel туннель 隧道
garden Garten jardín jardin сад 花园
tower Turm torre tour башня 塔"""
_ANIMALS = """bear Bär oso ours медведь 熊
dog Hund perro chien собака 狗
cat Katze gato chat кошка 猫
horse Pferd caballo cheval лошадь 马
fox Fuchs zorro renard лиса 狐狸
owl Eule búho hibou сова 猫头鹰
goat Ziege cabra chèvre коза 山羊
duck Ente pato canard утка 鸭子
mouse Maus ratón souris мышь 老鼠
lion Löwe león lion лев 狮子"""


def _rows(table: str) -> tuple[dict[str, str], ...]:
    return tuple(dict(zip(LANGUAGES, row.split(), strict=True)) for row in table.splitlines())


DISHES, TOPICS, ANIMALS = _rows(_DISHES), _rows(_TOPICS), _rows(_ANIMALS)
FIRST = "Anna Peter Lucia Omar Ingrid Pavel Chloe Hiro Samira Tom Greta Diego Elif Marek Nina Victor Rosa Ivan".split()
LAST = "Weber Okafor Rossi Lindqvist Tanaka Moreau Novak Silva Haddad Fischer Petrov Duarte Kaya Jensen Ortiz".split()
JOBS = (
    "Chief Engineer;Teacher;Head Nurse;Marine Biologist;Mayor;Lead Designer;Firefighter;Professor of History;Baker;"
    "Sales Manager;Astronomer;Fitness Coach;Project Manager;Pilot;Lawyer;Gardener;Journalist;Electrician;Researcher"
).split(";")
ORGANISATIONS = (
    "Northern Rail;University of Bergen;City Hospital;Orbit Labs;Green Harbour Foundation;Lakeside School;Novatek;"
    "University of Porto;Blue Kettle Studio;Institute of Marine Research;Radio Vesta;Acme Steel"
).split(";")
CITIES = (
    "Leipzig Porto Bergen Lyon Zagreb Osaka Malmo Seville Dover Basel Tartu Cork Graz Nantes Oslo Prague Geneva Turin"
).split()
BRANDS = "Brillo Kestrel Nordwind Zumba Velora Pinnacle Alpina Juno Marvex Solana Tidal Quorra Lumix Ember".split()
SIGNS = (
    "NO ENTRY;EXIT;BAKERY;HOTEL ASTORIA;FIRE EXIT;KEEP LEFT;WET FLOOR;CAFE MIRA;PHARMACY;PUSH;CAR PARK;BOOKS AND MORE;"
    "DANGER HIGH VOLTAGE;PLEASE WAIT HERE;TICKETS;CLOSED;STAFF ONLY;ROSE GARDEN;SLOW DOWN;TOWN HALL;GRAND CINEMA"
).split(";")
ADJECTIVES = "sleepy angry tiny curious unlucky brave hungry clever grumpy lazy noisy gentle proud shy".split()
MONTHS = "January February March April May June July August September October November December".split()
NUMBERS = "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty".split()
MODULES = "parsekit torchlet mapdraw quickio zipline frostbyte numgrid webspool datakite".split()
PROGRAMS = "python node git cargo java ruby docker ffmpeg cmake perl".split()
FILES = "notes.txt photo.png data.csv report.pdf main.rs setup.cfg song.wav index.html".split()
HEADLINES = (
    "Council approves new tram line;Storm warning for the coast;Strike ends after three weeks;"
    "River levels falling again;"
    "Museum reopens its doors;Prices of bread on the rise;Talks on water supply resume;Record crowd at the regatta"
).split(";")
TITLES = (
    "Annual Report;Growing Tomatoes;How Rivers Form;Introduction to Sailing;Our Team;Results and Outlook;Safety First;"
    "The Silent Valley;Journey Home;Learning to Code;A Day in the Harbour;Winter Tales"
).split(";")

_TABLE = loads_toml(files(__package__).joinpath("phrasings.toml").read_text(encoding="utf-8"))
PHRASINGS: dict[str, dict[str, list[str]]] = _TABLE["questions"]
PLACES: dict[str, dict[str, str]] = _TABLE["places"]
