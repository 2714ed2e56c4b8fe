"""Slot words of the generated sentences. A domain's words go together; general words fit every domain."""


def items(text):
    return tuple(part.strip() for part in text.split("|"))


# thing: what the text is about. part: a side of it that can be good or bad. pos/neg: adjectives for a part.
# win/fail: what happened, as a clause of its own. fact: a neutral predicate of `the {thing}`.
DOMAINS = {
    "product": {
        "thing": items("blender | headset | backpack | kettle | lamp | keyboard | vacuum cleaner | toaster | jacket | watch | mattress | printer | drill | tent | pair of boots | camera | charger | monitor | fan | speaker"),
        "part": items("build quality | battery | handle | zip | screen | lid | cable | sound | colour | packaging | size | strap | motor | manual | button | design | finish | price | fit | material"),
        "pos": items("sturdy | solid | well made | comfortable | reliable | light | handy | durable | great | excellent | useful | practical | good"),
        "neg": items("flimsy | cheap | uncomfortable | noisy | unreliable | fragile | useless | awkward | terrible | poor | bad | defective | clumsy"),
        "win": items("it still works like new after three years | I use it every single day | I already ordered a second one | it does exactly what it promises | it was worth every penny | my kids adore it | it arrived well packed and on time | it lasts for days on one charge"),
        "fail": items("it broke after two days | it stopped working within a week | I had to send it back | the handle came off the first time I used it | it went straight into the bin | it leaks everywhere | half of the parts were missing | it gets far too hot to touch | it died on day one"),
        "fact": items("comes in three colours | weighs about two kilos | has a two-metre cable | runs on four batteries | is made in Portugal | fits in a standard drawer | is sold in packs of two | has a silver base | was delivered on Friday | uses a USB-C plug"),
    },
    "food": {
        "thing": items("restaurant | pizza | soup | burger | breakfast | curry | menu | cafe | salad | dessert | coffee | sushi | steak | bakery | pasta | sandwich | dinner | brunch"),
        "part": items("sauce | portion | bread | service | wine list | atmosphere | chicken | crust | rice | fish | cake | table | starter | flavour | price | waiter | main course | kitchen"),
        "pos": items("delicious | fresh | tasty | crispy | generous | friendly | perfect | lovely | excellent | wonderful | juicy | good | authentic"),
        "neg": items("bland | cold | greasy | soggy | stale | overcooked | tiny | rude | awful | disgusting | dry | bad | overpriced | burnt"),
        "win": items("we cleaned our plates | we went back the very next day | I could eat there every week | everyone asked for seconds | the chef came out to greet us | I am still dreaming of that dessert | we left full and happy"),
        "fail": items("we waited an hour for a cold plate | I was sick all night | we left before dessert | half of it went back to the kitchen | the waiter forgot us twice | I found a hair in it | we will eat elsewhere next time | they charged us for things we never ordered"),
        "fact": items("opens at noon | is closed on Mondays | serves lunch until three | has twelve tables | is next to the station | comes with rice | is on the second page | contains nuts | has two sizes | costs nine euros"),
    },
    "hotel": {
        "thing": items("hotel | hostel | room | apartment | resort | guest house | flight | tour | campsite | cabin | spa | cruise | train ride | trip"),
        "part": items("bed | view | bathroom | breakfast buffet | pool | location | staff | reception | shower | wifi | balcony | pillow | air conditioning | lobby | check-in | carpet | crew | seat"),
        "pos": items("clean | spacious | comfortable | quiet | friendly | beautiful | helpful | spotless | charming | great | welcoming | lovely | good"),
        "neg": items("dirty | tiny | noisy | smelly | rude | mouldy | shabby | freezing | disappointing | awful | damp | bad | unfriendly | cramped"),
        "win": items("we slept like babies | they upgraded us for free | we have already booked for next year | we did not want to leave | the view took our breath away | they remembered our names"),
        "fail": items("we checked out a day early | there were bugs in the bed | we could not sleep because of the noise | the shower never got warm | they lost our booking | nobody was at the desk when we arrived | my suitcase never turned up | we missed our connection"),
        "fact": items("is near the airport | has forty rooms | is on the third floor | faces the street | can be booked online | takes six hours | leaves from platform four | includes two nights | was built in 1974 | has a car park"),
    },
    "software": {
        "thing": items("app | website | update | game | browser | plugin | editor | online course | dashboard | phone | laptop | router | search | new version | login page"),
        "part": items("interface | menu | speed | dark mode | layout | installer | documentation | sync | search function | performance | setup | feature set | notification system | map | user experience"),
        "pos": items("fast | smooth | intuitive | stable | clean | polished | responsive | helpful | brilliant | easy to use | slick | good | reliable"),
        "neg": items("slow | buggy | confusing | unstable | cluttered | broken | laggy | clunky | useless | annoying | unusable | bad | outdated"),
        "win": items("it saves me hours every week | it just works | the last update fixed everything | I was up and running in five minutes | I cannot imagine working without it | my whole team switched to it"),
        "fail": items("it crashes every time I open it | it deleted all my files | it logs me out every five minutes | I uninstalled it after a day | it freezes on the start screen | it drains my battery in an hour | my data is gone | it keeps asking for my password"),
        "fact": items("runs on Linux and Windows | needs an account | is 40 megabytes | was updated in March | has a settings page | exports to CSV | supports two languages | stores files in the cloud | asks for an email address | is version 3.2"),
    },
    "support": {
        "thing": items("delivery | order | helpdesk | support team | courier | shop | bank | clinic | insurance | garage | phone company | landlord | gym | school | dentist | agency"),
        "part": items("service | response time | communication | staff | agent | refund process | waiting time | advice | technician | manager | attitude | treatment | pricing | hotline"),
        "pos": items("quick | polite | helpful | professional | friendly | patient | competent | efficient | fair | kind | outstanding | good | caring"),
        "neg": items("slow | rude | unhelpful | unprofessional | careless | incompetent | dismissive | chaotic | unfair | dishonest | hopeless | bad | arrogant"),
        "win": items("they solved it in five minutes | they went out of their way to help | my refund came the same day | it arrived a day early | somebody called me back within the hour | they explained everything twice | they replaced it free of charge"),
        "fail": items("I am still waiting for my refund | nobody ever called me back | I was on hold for an hour | they sent the wrong item twice | the parcel was left in the rain | they hung up on me | my emails were ignored for weeks | they blamed me for their mistake | it never arrived"),
        "fact": items("is open from nine to five | has a new address | can be reached by phone | is on Mill Street | handles returns by post | sends an invoice each month | was changed last week | moved to the second floor | is scheduled for Thursday | takes three to five days"),
    },
    "film": {
        "thing": items("film | book | series | concert | album | play | novel | documentary | episode | song | exhibition | podcast | sequel | comedy | musical | match"),
        "part": items("plot | acting | ending | soundtrack | cast | dialogue | story | first half | pace | lead actor | script | camera work | chapter | chorus | humour | finale"),
        "pos": items("gripping | moving | funny | brilliant | clever | touching | beautiful | original | superb | captivating | witty | good | powerful"),
        "neg": items("boring | predictable | dull | shallow | slow | clumsy | pointless | weak | painful | cheesy | forgettable | bad | messy"),
        "win": items("I could not put it down | it kept me on the edge of my seat | I laughed until I cried | I have seen it four times | the audience stood and cheered | it stayed with me for days | I had goosebumps from start to end"),
        "fail": items("I fell asleep halfway through | we walked out after an hour | I want my two hours back | I gave up after fifty pages | nobody in the room laughed once | I kept checking my watch | it made no sense at all"),
        "fact": items("runs for two hours | came out in 2011 | is set in Chicago | has eight episodes | is the third in the series | starts at eight | was shot in black and white | is based on a novel | airs on Sundays | has twelve tracks"),
    },
    "everyday": {
        "thing": items("day | weekend | party | holiday | class | job interview | walk | commute | birthday | meeting | lecture | festival | game night | picnic | evening | birthday present"),
        "part": items("weather | traffic | music | company | host | mood | speech | organisation | timing | seating | teacher | crowd | schedule | parking"),
        "pos": items("lovely | fun | relaxing | pleasant | friendly | wonderful | exciting | great | nice | good | cheerful | well organised"),
        "neg": items("miserable | stressful | exhausting | unpleasant | chaotic | horrible | tedious | bad | gloomy | frustrating | awkward | badly organised"),
        "win": items("I passed my exam | we got the flat | she said yes | I got the job | the kids laughed all afternoon | my knee is finally healed | I made three new friends | they surprised me with a cake"),
        "fail": items("my bike got stolen | I failed my exam | we missed the last train | I cried all night | they cancelled at the last minute | nobody turned up | I lost my wallet | we were stuck in traffic for four hours"),
        "fact": items("is on Saturday | starts at half past eight | is at my brother's place | was moved to June | takes place outdoors | lasts an hour | is part of the programme | ends before midnight | is for members | was announced by email"),
    },
}

GENERAL = {
    "very": items("very | really | so | extremely | pretty | quite | incredibly | absolutely"),
    "loved": items("loved | liked | enjoyed | adored | appreciated"),
    "love": items("love | like | enjoy | recommend | trust"),
    "hated": items("hated | disliked | regretted | couldn't stand"),
    "hate": items("hate | dislike | regret | can't stand"),
    "great": items("great | amazing | fantastic | wonderful | excellent | awesome | superb | perfect | brilliant"),
    "awful": items("awful | terrible | horrible | dreadful | disappointing | pathetic | appalling | lousy"),
    "impressed": items("impressed | satisfied | happy | pleased | convinced | thrilled"),
    "upset": items("disappointed | annoyed | frustrated | let down | upset | bored"),
    "issue": items("problem | issue | complaint | glitch | mistake | delay | fault | error | hiccup | flaw"),
    "issues": items("problems | issues | complaints | glitches | mistakes | delays | faults | errors | flaws | surprises"),
    "time": items("today | yesterday | last week | this morning | two weeks ago | in June | on Monday | last night | in 2019 | on the 4th"),
    "when": items("tomorrow | at noon | on Wednesday | next month | at 7 pm | in two hours | on 12 May | this weekend | in the afternoon"),
    "who": items("my sister | a colleague | the manager | our neighbour | my dad | the driver | a friend | my boss | Anna | the team"),
    "place": items("in the kitchen | on page 14 | behind the desk | in the lobby | next to the door | in the basement | at the office | in the left drawer | near the river"),
    "number": items("two | three | four | seven | 10 | 25 | 150 | a dozen"),
    "money": items("20 euros | fifty dollars | that money | this price | the price"),
    "buy": items("buy | order | choose | pick | book | use"),
    "did": items("moved the car | ordered a taxi | painted the fence | sent the form | booked the room | read the manual | signed the contract | watered the plants | counted the chairs | took the bus | parked behind the library | changed the password | opened a window | printed the tickets | called the plumber | wrote down the number"),
    "truth": items("water boils at 100 degrees | the museum has four floors | my cousin lives in Oslo | the river flows through the city | the table is made of oak | the library closes at six | there are 28 days in February | the keys are in the drawer | the train stops in Leeds | the form has three pages | the car is grey | the shop sells shoes | the class has thirty students | the file was saved on the server | lunch is from twelve to one | the next stop is the town hall"),
    "other": items("the other one | the old model | the red one | the competitor | the one next door | the previous version"),
    "superb": items("outstanding | remarkable | incredible | top-notch | sublime | impeccable | gorgeous | stunning | spectacular | heavenly | unbeatable | world-class | sensational | divine | faultless | lovely | second to none"),
    "vile": items("horrendous | disgraceful | hideous | woeful | vile | embarrassing | unacceptable | deplorable | laughable | sloppy | inferior | worthless | subpar | miserable | sickening | revolting | substandard"),
    "winner": items("a winner | a dream | pure bliss | a revelation | a blast | a wonder | a lifesaver | a real find | money well spent | a thing of beauty | a breath of fresh air"),
    "flop": items("a scam | a letdown | a mess | a joke | a flop | a torture | a shambles | a headache | a train wreck | money down the drain | a slap in the face | a sham | garbage"),
    "high": items("eight | 9 | nine and a half | 10 | full"),
    "low": items("two | 1 | three | 0 | minus one"),
    "middle": items("5 | fifty | sixty | a middling 6 | average"),
    "setbacks": items("failures | breakdowns | cancellations | apologies | excuses | crashes | leaks | cracks | rude replies"),
    "near_one": items("my mother | my students | the kids | my best mate | anyone I care about | the whole office | my grandparents | my better half"),
    "flat": items("ordinary | unremarkable | middle of the road | mediocre | standard | passable | nothing out of the ordinary | pretty much average | tolerable | neither good nor bad"),
    "shut": items("closed | locked | fully booked | sold out | suspended | cancelled for the holiday | out of season | off the menu"),
}
