"""The fixed word lists of the world. Which of them a split may use is decided in `words.py`."""


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


FIRST_NAMES = words(
    """
    Alice Bob Carol David Emma Frank Grace Henry Irene Jack Kate Leo Maria Nina Oscar Paula
    Quinn Rosa Sam Tina Umar Vera Walter Xenia Yusuf Zoe Adam Bella Carlos Diana Ethan Fiona
    George Hannah Ivan Julia Karim Laura Martin Nora Olga Peter Rachel Simon Thomas Ursula
    Victor Wendy Yara Zack Anna Ben Chloe Daniel Elena Felix Gina Hugo Isabel James Kevin Lily
    Mark Nadia Oliver Priya Rita Sarah Tom Viktor William Aisha Boris Clara Dmitri Eva Farid
    Gloria Hans Ingrid Jonas Kenji Lena Mei Noah Omar Pedro Ravi Sofia Tariq Uma Vikram Wei
    Yuki Zara Albert Bruno Cecilia Edgar John Mary Lucy Max Mia Paul Robert Sophie Steve Susan
    Luca Marco Giulia Pierre Claire Jean Lars Sven Astrid Freya Erik Anton Katya Igor Milan
    Petra Zoltan Amir Layla Hassan Fatima Chen Ling Hiro Sakura Arjun Deepa Kofi Ama Diego
    Lucia Mateo Camila Rafael Bianca
    """
)

CITIES = words(
    """
    Paris London Berlin Madrid Rome Vienna Prague Lisbon Dublin Oslo Tokyo Kyoto Osaka Seoul
    Beijing Delhi Mumbai Cairo Lagos Nairobi Sydney Melbourne Toronto Montreal Chicago Boston
    Denver Seattle Houston Dallas Miami Atlanta Austin Portland Lima Bogota Santiago Havana
    Athens Warsaw Budapest Zurich Geneva Munich Hamburg Cologne Milan Naples Turin Venice
    Florence Lyon Nice Lille Ghent Bruges Antwerp Utrecht Leiden Malmo Bergen Tampere Turku
    Riga Tallinn Vilnius Kyiv Odessa Minsk Tbilisi Baku Ankara Izmir Tehran Baghdad Doha Dubai
    Karachi Lahore Dhaka Hanoi Manila Jakarta Bangkok Singapore Perth Brisbane Auckland
    Wellington Accra Dakar Tunis Rabat Luanda Quito
    """
)

NOUNS = words(
    """
    weather river garden bridge ticket invoice package letter report budget engine battery
    camera mirror window basket bottle candle carpet castle ceiling chair cloud coin compass
    cottage curtain desk diamond door drum farm feather fence field flag flute forest fountain
    gate glove guitar hammer harbor helmet hotel island jacket jungle kettle kitchen ladder
    lake lamp lantern library lighthouse map market meadow medal meeting museum needle
    notebook ocean orchard oven painting palace parcel park pencil piano pillow pocket poem
    pond printer pump puzzle quilt radio railway recipe ribbon ring road robot rocket roof
    rope sail salad school score screen sensor ship shirt shop signal sofa song spoon stadium
    stamp statue stock stone stove street table tea tent theater timetable tower toy traffic
    trail train treasure truck tunnel umbrella valley village violin wagon wallet warehouse
    watch wheel whistle wing workshop yacht account address album article balance booking
    calendar chart contract course delivery device distance document domain event exchange
    exam file flight folder forecast game grade height humidity image inventory journal key
    label lesson level license limit locker log menu message model movie network note novel
    opinion order password payment permit photo picture plan player poll pressure price
    product profile project promise quota rate rating receipt record region rent repair
    request result review reward room route rule salary sample schedule season seat server
    session shelf size speed story subject summary supply survey task tax team temperature
    test theme title topic total track trip unit update value vendor version video visit
    volume vote wage warranty weight word zone sum location area population capital owner
    color length status depth age
    """
)

VERBS = words(
    """
    get find fetch check read query show load list count create make add build open close
    start stop send move copy delete remove update change rename print scan sort merge split
    lock unlock mark pack paint plan plant play pour press pull push rank rate reserve reset
    save schedule sell set share ship sign store submit swap track turn wash wrap write
    calculate compute estimate measure book cancel order buy rent repair clean inspect
    register publish archive export import assign approve reject review test deploy sync
    convert translate search compare combine mix roll launch record report hide join link log
    map note post
    """
)

ADJECTIVES = words(
    """
    red old quiet small bright cold deep dry early empty fast flat fresh gentle golden happy
    heavy hollow huge icy kind large late lazy light little long loud lucky narrow new noisy
    odd pale plain polite proud quick rare rich rough round rusty sad sharp shiny short silent
    silver simple slow smooth soft sour steep strange strong sunny sweet tall thick thin tiny
    warm wide wild wise wooden young calm clever brave busy
    """
)

JOBS = words(
    """
    baker teacher doctor farmer pilot painter singer writer nurse lawyer carpenter plumber
    gardener sailor soldier tailor waiter dancer engineer chemist dentist driver editor fisher
    florist judge librarian mechanic miner musician photographer poet potter programmer
    surgeon butcher cook guard banker barber
    """
)

FOODS = words(
    """
    pizza pasta soup bread rice cheese apples bananas cherries pancakes noodles dumplings
    salad curry tacos sushi olives honey chocolate waffles beans mushrooms tomatoes carrots
    potatoes grapes lemons peaches plums figs dates walnuts yogurt porridge omelettes
    sandwiches cookies risotto lasagna ramen
    """
)

COLORS = (
    "red",
    "blue",
    "green",
    "yellow",
    "orange",
    "purple",
    "pink",
    "black",
    "white",
    "brown",
    "grey",
    "silver",
    "gold",
    "turquoise",
)
PETS = ("dog", "cat", "parrot", "rabbit", "hamster", "horse", "turtle", "goldfish", "pony", "goat")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

CAPITALS = {
    "France": "Paris",
    "Germany": "Berlin",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Portugal": "Lisbon",
    "England": "London",
    "Ireland": "Dublin",
    "Norway": "Oslo",
    "Sweden": "Stockholm",
    "Finland": "Helsinki",
    "Denmark": "Copenhagen",
    "Poland": "Warsaw",
    "Austria": "Vienna",
    "Greece": "Athens",
    "Hungary": "Budapest",
    "Russia": "Moscow",
    "Ukraine": "Kyiv",
    "Turkey": "Ankara",
    "Egypt": "Cairo",
    "Kenya": "Nairobi",
    "Japan": "Tokyo",
    "China": "Beijing",
    "India": "New Delhi",
    "Thailand": "Bangkok",
    "Australia": "Canberra",
    "Canada": "Ottawa",
    "Mexico": "Mexico City",
    "Brazil": "Brasília",
    "Argentina": "Buenos Aires",
    "Peru": "Lima",
    "Chile": "Santiago",
    "Cuba": "Havana",
    "the United States": "Washington",
    "the Netherlands": "Amsterdam",
    "Belgium": "Brussels",
    "Switzerland": "Bern",
}

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "You are a helpful AI assistant.",
    "Answer briefly.",
    "Be concise.",
    "You are a chatbot.",
    "You are an assistant. Be polite.",
    "Help the user with short answers.",
    "You are a careful and honest assistant.",
    "You answer questions.",
    "Be kind and short.",
    "You are a helpful, honest assistant.",
    "You are a concise assistant.",
    "Keep your answers short.",
    "You are an expert assistant.",
    "Please help the user.",
    "You are a test assistant.",
    "You are a useful AI.",
    "Answer the user's questions.",
    "You are a helpful bot that answers in English.",
    "You are a knowledgeable assistant.",
    "Be helpful.",
    "Be a good assistant.",
    "You are helpful.",
    "You are a helpful assistant. Answer in one sentence.",
    "Reply in plain English.",
    "You are a support agent.",
    "You work at a help desk.",
    "You are a patient teacher.",
    "You are a polite assistant who gives short answers.",
)
