"""The classes of things that the detector knows, and which of them a word means."""

from tools.observation import ToolError
from tools.words import stem

CLASSES = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,"
    "skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,"
    "cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"
    "refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
).split(",")
"""Names of the classes in the order of the network's outputs."""
_OTHER_NAMES = {
    "people": "person",
    "human": "person",
    "human being": "person",
    "bike": "bicycle",
    "motorbike": "motorcycle",
    "plane": "airplane",
    "aeroplane": "airplane",
    "lorry": "truck",
    "sofa": "couch",
    "plant": "potted plant",
    "television": "tv",
    "tv set": "tv",
    "mobile phone": "cell phone",
    "smartphone": "cell phone",
    "cellphone": "cell phone",
    "fridge": "refrigerator",
    "doughnut": "donut",
    "rucksack": "backpack",
    "hair dryer": "hair drier",
    "necktie": "tie",
    "ball": "sports ball",
    "knives": "knife",
    "mice": "mouse",
}


def find_class(query: str) -> str:
    """The class that a query names, in the singular or the plural.

    Raises:
        ToolError: it names none; says which there are.
    """
    wanted = " ".join(query.casefold().split()).removeprefix("a ").removeprefix("an ").removeprefix("the ")
    for name in (wanted, wanted.removesuffix("s"), wanted.removesuffix("es"), _stem_last(wanted)):
        known = _OTHER_NAMES.get(name, name)
        if known in CLASSES:
            return known
    stems = {_stem_last(name): name for name in CLASSES}
    if (known := stems.get(_stem_last(wanted), "")) != "":
        return known
    raise ToolError(
        f"detect: {query!r:.80} is no class that the detector knows, so whether it is there is not known; the classes "
        f"are {', '.join(CLASSES)} (men, women and children are persons)"
    )


def _stem_last(name: str) -> str:
    *before, last = name.split() or [""]
    return " ".join((*before, stem(last)))
