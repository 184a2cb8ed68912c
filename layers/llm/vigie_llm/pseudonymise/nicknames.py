"""Short and familiar forms of first names."""

from functools import lru_cache

# Written by hand for this project: formal name, then its usual short forms.
_SHORT = """
alexandre alex sacha xandre|alexandra alex sandra sacha|alexander alex sandy xander al|andrew andy drew|anthony tony ant|antoine tonio toine anto|abdelkader kader abdel
abdelkarim karim abdel|abigail abby gail abbie|albert al bert bertie|alfred alf fred alfie|amelia millie amy|angela angie ange|anne annie nan|arthur art|barbara barb babs
bartholomew bart|beatrice bea betty|beatrix bea trixie|benjamin ben benji benny|benoit ben|bernard bernie|bridget biddy bridie|caroline caro carol carrie|catherine cathy kate katie kat cath cat kitty
charles charlie chuck chas|charlotte charlie lottie lotte|christian chris|christine chris tina chrissie|christopher chris kit topher|christophe chris tof totof|clementine clem|clement clem
daniel dan danny|david dave davy|deborah deb debbie|dennis den|dominique dom domi|dominic dom|dorothy dot dottie|edward ed eddie ted teddy ned|edouard ed doudou|eleanor ellie nell nora ella|eleonore leo
elizabeth liz beth lizzie betty eliza lisa libby bess betsy|elisabeth babeth lisa elise zabeth|emmanuel manu|emmanuelle manue manu|eugene gene|fatima fati fatou|florence flo|florian flo
frances fran frankie|francis frank fran|francois franck fanfan|francoise fanfan|franklin frank|frederic fred fredo|frederick fred freddie|gabriel gab gabi gaby|gabrielle gab gaby|geoffrey geoff|george georgie
gerald gerry|gerard gege gerry|gilbert gil bert|gregory greg|gregoire greg|guillaume guigui guillou gui will|harold harry hal|harriet hattie|helen nell|henry harry hal hank|herbert bert herb
isabelle isa zaza belle|isabella bella izzy isa|isabel izzy bel|jacob jake|jacqueline jackie|james jim jimmy jamie|janet jan|jean-baptiste jb|jean-claude jc|jean-francois jeff jf|jean-luc jl|jean-marc jm|jean-michel jm jean-mi|jean-pierre jp|jean-paul jp
jennifer jen jenny jenn|jeremy jem jerry|jerome gege jej|jessica jess jessie|joanna jo|john jack johnny jon|jonathan jon jonny johnny jo nathan|joseph joe joey jo|josephine jo josie fifi|joshua josh|judith judy
julien juju jules|julie juju|katherine kate katie kathy kat kit|kathleen kathy kath|kenneth ken kenny|kimberley kim|laetitia laeti titia|laurence lolo laure larry|lawrence larry laurie|leonard leo len lenny|leonardo leo|louis loulou lou|louise lou loulou
ludovic ludo|madeleine mado maddie|malcolm mal|margaret maggie meg peggy marge margie daisy greta|marguerite margot|marie-claude mc|martine titine|matthew matt|matthieu matt mat|mathieu matt mat mathou|maximilien max|maxime max|melanie mel
michael mike mick mickey|michel mimi mich|mickael mika mick|mohamed momo moh med mo|mohammed momo moh mo|muhammad mo|nathalie nath nat|natalie nat|nathaniel nat nate|nicholas nick nicky|nicolas nico nic|nicola nicky|oliver ollie oli|olivier oliv oli
oluwaseun seun|pamela pam|patricia pat trish tricia patsy pattie|patrick pat paddy pats|penelope penny|peter pete|philip phil pip|philippe phil fifi|phillip phil|philippa pippa|pierre pierrot|priscilla cilla|raphael raph rafa|raymond ray|rebecca becky becca
reginald reg reggie|richard rick dick rich ricky dickie|robert rob bob bobby bert robbie|roderick rod|roger rodge|ronald ron ronnie|rosemary rosie|rudolph rudy|samantha sam sammy|samuel sam sammy|sandrine sandy sandie|sebastian seb|sebastien seb|sophie soso|sofiane sof|sylvie syl
stephen steve stevie|steven steve|stephanie steph stephie|stephane steph stef|susan sue susie suzy|susannah sue susie|suzanne sue suzy suzie|terence terry|teresa tess terry|theresa tess terry tessa|theodore theo ted|therese tess|thibault thib tibo|thibaut thib|thierry titi|thomas tom tommy tom-tom
timothy tim timmy|valerie val|valentin val|valentine val|veronique vero|veronica ronnie vero|victor vic|victoria vicky vic tori|vincent vince vincy vinnie|virginie vivi ginie|virginia ginny|vivian viv|walter wally walt|william will bill billy willie liam|winifred winnie|xavier xav|yasmine yas mimi|youssef youss jo|zacharie zac|zachary zac zach|zoubida zoubi
aleksandra ola sasha|aleksander alek olek|agnieszka aga|anastasia nastia tasia|ekaterina katia katya|dmitri dima mitia|katarzyna kasia|krzysztof krzys|malgorzata gosia|tomasz tomek|jakub kuba|joanna asia|magdalena magda|piotr piotrek|wojciech wojtek|giuseppe pino beppe|giovanni gianni|francisco paco pancho|jose pepe|dolores lola|ignacio nacho|eduardo edu|chukwuemeka emeka|oluwatobi tobi|ayodele ayo dele|temitope temi tope|babatunde tunde|olufemi femi|ngozi ngo|ifeanyi ify
abdoulaye abdou laye|mamadou mama doudou|fatoumata fatou fanta|aminata mina ami|ousmane ous|ibrahima ibou ibra|souleymane souley|khadija khadi dija|rachid rach|mustapha mus moustache|noureddine nour nono|abderrahmane abdou|jaswinder jas jassi|harpreet harry preet|gurpreet gary preet|krishnan krish|venkatesh venky|priyanka pri|lakshmi lucky
"""


@lru_cache(maxsize=1)
def _table() -> dict[str, frozenset[str]]:
    rows = [row.split() for line in _SHORT.strip().splitlines() for row in line.split("|")]
    return {row[0]: frozenset(row[1:]) for row in rows}


def short_forms(first: tuple[str, ...]) -> frozenset[str]:
    """Usual short forms of the folded parts of a first name, cut-off forms and initials of double names included."""
    forms: set[str] = set(_table().get("-".join(first), ()))
    for part in first:
        forms |= _table().get(part, frozenset())
        forms |= {part[:length] for length in range(3, len(part))} | {part[-length:] for length in range(4, len(part))}
    if len(first) > 1:
        forms.add("".join(part[0] for part in first))
    return frozenset(forms - set(first))
