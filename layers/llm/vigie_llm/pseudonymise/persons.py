"""Other people: named after a title, a role or kinship, in greetings and thanks, or by a first name."""

import re

from vigie_llm.pseudonymise.folding import View
from vigie_llm.pseudonymise.known_names import NameForms, ends_message, is_product, is_shouting, starts_sentence
from vigie_llm.pseudonymise.lexicon import PRODUCT_AFTER, TITLES, first_names, ordinary_words
from vigie_llm.pseudonymise.spans import CONTEXT, GUESSED, NAMED, Found
from vigie_llm.pseudonymise.spelled import Token

_ROLES = frozenset(
    "conseiller conseillere conseillers conseilleres directeur directrice gestionnaire interlocuteur interlocutrice banquier banquiere guichetier guichetiere notaire avocat avocate collegue "
    "voisin voisine ami amie amis copain copine patron patronne proprietaire proprio locataire courtier courtiere expert assistant assistante stagiaire mari femme epouse epoux conjoint conjointe compagnon "
    "compagne fils fille pere mere frere soeur oncle tante tonton cousin cousine neveu niece gendre bru parrain marraine papa maman mamie papi papy mamy meme pepe bebe associe associee comptable nounou tuteur tutrice "
    "curateur curatrice medecin employe employee technicien technicienne commercial commerciale operateur operatrice hotesse jumeau jumelle ex fiance fiancee cadet cadette aine ainee benjamin "
    "beau-pere belle-mere collaborateur collaboratrice charge chargee responsable monsieur madame dame demoiselle grand-mere grand-pere petit-fils petite-fille heritier heritiere defunt defunte feu colocataire coloc "
    "advisor adviser manager cashier teller banker agent rep representative colleague wife husband partner son daughter mum mom mam mother dad father brother sister uncle aunt auntie nan nana gran granny grandma "
    "granddad grandad grandpa grandson granddaughter grandmother grandfather nephew niece friend mate neighbour neighbor boss landlord landlady tenant solicitor lawyer accountant flatmate housemate girlfriend "
    "boyfriend stepson stepdaughter stepfather stepmother stepdad stepmum in-law law carer executor clerk handler supervisor employee assistant guy lady man woman chap lad gentleman bloke twin eldest youngest kid toddler baby missus hubby "
    "chairman director consultant operator staff member colleagues broker underwriter surveyor trustee attorney beneficiary fiance fiancee spouse cousin godson goddaughter godmother godfather roommate handyman builder plumber dentist".split()
)
_ROLE_TAIL = frozenset(
    "bancaire clientele pro professionnel professionnelle particuliers attitre attitree prefere preferee actuel actuelle habituel habituelle dedie dedie dediee principal principale agence d'agence adore adoree "
    "precedent precedente nouveau nouvelle aine ainee cadet cadette unique defunt defunte decede decedee retraite retraitee prenomme prenommee nomme nommee appele appelee s'appelle appelle s est qui un une certain certaine c'est "
    "patrimoine financier financiere immobilier credit pret premium jumeau jumelle petit petite cher chere de compte comptes du nom named called is was whose name's name late dear old elderly lovely young older younger eldest relationship "
    "account mortgage branch personal bank team customer service loan there whom i think is it's".split()
)
_NOT_NAME = frozenset(
    # Words that are often capitalised and are nobody.
    "je j'ai il elle on nous vous ils elles le la les un une des du de et ou mais donc or ni car que qui quoi quand comment pourquoi bonjour bonsoir salut hello hi hey dear sirs ladies gentlemen valued whom cher chere chers merci cordialement madame monsieur mademoiselle mesdames "
    "messieurs mme mlle mr mrs ms m votre vos notre nos mon ma mes ton ta tes son sa ses ce cet cette ces a au aux en dans sur sous pour par avec sans chez vers depuis apres avant pendant si non oui ok svp sms mms tel email mail rib iban bic sepa "
    "pel ldd lep cel cb tva taeg urssaf caf cpam edf sncf insee cnil acpr gab dab pin otp pdf usb app appli application site web internet android ios iphone samsung apple google microsoft windows france paris banque service services client clients "
    "agence conseiller conseillere compte carte livret pret credit virement prelevement assurance epargne contrat dossier siege direction equipe support sav standard accueil guichet reclamations mediateur mediatrice tribunal etat republique europe union "
    "bnp lcl hsbc cic boursorama boursobank fortuneo revolut n26 qonto hello sg societe generale agricole mutuel populaire postale caisse bred axa maif macif maaf gmf allianz groupama matmut covea lydia paypal vinted leboncoin ebay wise stripe sumup "
    "barclays lloyds natwest monzo starling santander nationwide halifax tsb metro tesco virgin rbs coop chase amex visa mastercard maestro experian equifax fca fos ico hmrc dwp dvla nhs gdpr rgpd "
    "i i'm i've i'd it it's its is was are were the a an this that these those there here then than they them their he she we you your my our his her who what when where why how which and or but so because since for from to of in on at by with "
    "without about after before please thanks thank regards sincerely yours faithfully kind best warm cheers sir madam team all anyone everyone someone nobody nothing everything hello good great bad very not no yes never always still just now today tomorrow "
    "yesterday bank branch customer service services support complaints department fraud loans mortgage mortgages account card cards loan savings isa insurance app website online banking call centre center manager office head post mail britain uk eu "
    "england scotland wales ireland london british english french francais francaise anglais faster payments direct debit standing order system user assistant ai llm gpt ignore note ps p.s nb attention important urgent re fwd objet subject "
    "premier first second third last next new old monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november december lundi mardi mercredi jeudi vendredi samedi dimanche janvier fevrier "
    "mars avril mai juin juillet aout septembre octobre novembre decembre noel paques toussaint christmas easter ramadan aid xmas facebook instagram twitter whatsapp youtube linkedin tiktok amazon netflix uber airbnb face id apple pay google "
    "tout toute tous toutes rien personne quel quelle quelque chaque plusieurs aucun aucune encore toujours jamais deja bien tres trop plus moins assez beaucoup aussi alors ainsi enfin ensuite puis sinon cependant pourtant voila voici suite afin "
    "merci bravo super genial nul honte stop fin bref dommage chapeau idem ras top parfait felicitations desole pardon monsieur-madame ecoute responsable directeur directrice president presidente service-client bonne".split()
)
_GREETING = re.compile(r"(?:^|[\n.!?,] ?)(?:bonjour|bonsoir|salut|coucou|hello|hi|hey|dear|cher|chere|hiya|good morning|good afternoon|good evening)(?: (?:cher|chere|there))?[ ,]{1,2}$")
_STRONG_CUE = re.compile(
    r"(?:\b(?:merci|bravo|chapeau|felicitations)(?: (?:infiniment|beaucoup|encore|tout particulierement|vraiment|mille fois|bien))?(?: a)?"
    r"|\b(?:remercie\w*|remerciements?|mention speciale|coup de chapeau|pouce|grace|dois tout|confiance|parle|telephone|repondu|demande|ecrit|signale|confie|explique)(?: (?:infiniment|beaucoup|encore|tout particulierement|vraiment))?(?: a)"
    r"|\b(?:remercier|feliciter|je remercie|saluer|joindre|demandez|demander|appeler|rappeler|contacter|revoir|voir|vu|rencontree?)"
    r"|\b(?:suivi[es]*|recue?s?|accueillie?s?|traitee?s?|geree?s?|signee?s?|envoyee?s?|rappelee?s?|aidee?s?|conseillee?s?|contactee?s?|renseignee?s?|servie?s?|demarchee?s?|ouverte?|saisie?|instruite?|transmise?|validee?|annulee?|promis|confirmee?|repris[es]*|assiste[es]*|guidee?) par"
    r"|\b(?:avec|entre les mains de|de la part de|au nom de|du nom de|procuration (?:pour|de|a)|ainsi que|dixit|selon|d'apres|s'appelle|s'appelait|une? certaine?|prenommee?s?|nommee?s?|appelee?|signe)"
    r"|\b(?:thanks|thank you|thx|cheers|kudos|well done|bravo|hats off|props)(?: (?:so much|again|very much|a lot))?(?: to|,)?"
    r"|\b(?:credit|shout ?out|praise|grateful|compliments|thanks) to"
    r"|\b(?:spoke|spoken|talked|talking|speak|speaking|chatted|dealt|dealing|met|meeting|appointment|account jointly|joint account|jointly|call|chat|on the line|on the phone|face to face|interview) (?:to|with)"
    r"|\b(?:then|and|or|also|first|later|finally|puis|et|ou|ensuite) (?:to|with|by|avec|par|a)"
    r"|\b(?:served|handled|helped|seen|advised|signed|told|promised|assured|sold|called|rung|phoned|contacted|emailed|answered|processed|opened|looked after|interviewed|assisted) by"
    r"|\b(?:named|called|name is|name was|name's|ask for|asked for|a certain|on behalf of|in the name of|according to|attorney for|attorney to|met|thank|praise|see)) ?$"
)
_AT_WORK = re.compile(
    r"^ ?(?:,? ?(?:du service|de l'agence|au guichet|du guichet|a l'accueil|de l'accueil|du support|de votre (?:agence|service|equipe)|de chez vous|de la (?:hotline|plateforme)|from (?:the|your|our)\b|in (?:the|your) (?:\w+ )?(?:branch|team|call|fraud|contact|customer)|"
    r"at (?:the|your) (?:\w+ )?(?:branch|desk|counter|till|call|front)|on (?:the |your )?(?:live |web |web-?|fraud |front )?(?:desk|counter|phone|chat|line|helpline|reception|messenger)|sur le (?:chat|tchat)|au (?:chat|telephone|bout du fil|standard|service)|a la hotline))"
)
_APPOSED = re.compile(
    r"^(?: [\w'\-]+){0,2}, (?:mon|ma|notre|votre|son|sa|my|our|your|his|her|the|le|la|l') ?(?:nouve(?:au|lle) |ancienn?e? |new |former |old )?(?:conseill\w+|direct\w+|notaire|avocate?|gestionnaire|voisine?|collegue|"
    r"fille|fils|femme|mari|epouse|epoux|soeur|frere|mere|pere|banquiere?|advis[oe]r|manager|solicitor|wife|husband|son|daughter|brother|sister|mother|father|partner|colleague|neighbour|accountant|landlord|cashier)\b"
)
_JOIN = re.compile(r"[ ]|-|'| ?\. ?|[ ]'")
_PARTICLES = frozenset("de du des le la d l van von der den da dos do di del della el al ben bin ait o mac mc st saint ould abou abu".split())
_KIN_BEFORE = re.compile(r"\b(?:mon|ma|mes|notre|nos|son|sa|ses|votre|vos|leur|leurs|my|our|his|her|your|their|the|un|une|le|la|l'|cette|ce|cet|a|an|this|that|another|same|d'une?|feu|feue|late)\b")


_CALENDAR = frozenset(
    "january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec janvier fevrier mars avril mai juin juillet aout septembre octobre "
    "novembre decembre monday tuesday wednesday thursday friday saturday sunday lundi mardi mercredi jeudi vendredi samedi dimanche noel easter paris london".split()
)
_DETERMINERS = frozenset("le la les l un une des du au aux the a an my your our their his her its this that votre notre mon ma mes vos nos leur ce cet cette leurs".split())
_HUMAN_DEED = re.compile(
    r"^ (?:m'a|m'ont|nous a|s'est occup|a su|a pris|a resolu|a regle|a tout|helped|told|explained|said|says|rang|phoned|promised|listened|answered|called|sorted|fixed|assured|apologi[sz]ed|advised|went out of|took (?:the|her|his)|in the branch|"
    r"at the (?:counter|desk|till|branch)|from (?:the|your)|au guichet|a l'accueil|du service|de l'agence)"
)
_PERHAPS_HUMAN = re.compile(r"^(?: (?:was|is|has|had|who|qui|est|etait|does|did|didn't|hasn't|gave|made|took|knows|n'a|ne )\b|'s (?:been|number|account|card|attitude|manager|email))")
_CAPITAL_AFTER_KIN = frozenset("april may june august france paris avril".split())
_WEAK_TITLES = frozenset("m me pr sir sister father dame lady lord docteur".split())
_DOTTED = frozenset("m mr mrs ms mme mlle dr prof rev pr st messrs".split())
# Right after a kinship word these are verbs, not names.
_NOT_AFTER_KIN = frozenset("will may can sue mark bill hope chase grant rob drew art long do in an la le may see van den and ne se me ont sera rose claire avril mai".split()) - {"rose", "claire"}


def find_persons(view: View, tokens: list[Token], forms: NameForms) -> list[Found]:
    """Names of people other than the customer, as far as words around or the lexicon tell."""
    shouting = is_shouting(view.clean)
    found: list[Found] = []
    position = 0
    while position < len(tokens):
        person = _person_at(view, tokens, position, forms, shouting)
        if person is None:
            position += 1
            continue
        item, position = person
        found.append(item)
    return found


def _person_at(view: View, tokens: list[Token], i: int, forms: NameForms, shouting: bool) -> tuple[Found, int] | None:
    token = tokens[i]
    if token.text.isdigit() or (len(token.text) < 2 and not _is_initial(view.clean, token)):
        return None
    for check, rank in ((_after_title, CONTEXT + 2), (_after_role, CONTEXT), (_after_cue, CONTEXT - 2)):
        if check(view, tokens, i, shouting):
            stop = _name_end(view, tokens, i, shouting)
            if check is _after_title and _is_own(tokens, i, stop, forms) and not _after_role(view, tokens, i - 1, shouting):
                return Found(token.start, tokens[stop - 1].end, "CUSTOMER_NAME", rank), stop
            return Found(token.start, _with_dot(view.clean, tokens[stop - 1]), "OTHER_NAME", rank), stop
    return _by_lexicon(view, tokens, i, forms, shouting)


def _is_own(tokens: list[Token], start: int, stop: int, forms: NameForms) -> bool:
    """"Mme N Diaye", written by Aminata N'Diaye: a title before the customer's own surname."""
    words = [t.text for t in tokens[start:stop]]
    return "".join(words) == "".join(forms.last) or all(w in forms.last or w in forms.joined for w in words)


def _is_initial(clean: str, token: Token) -> bool:
    return len(token.text) == 1 and clean[token.start].isupper()


def _with_dot(clean: str, token: Token) -> int:
    """The dot of a closing initial belongs to it: "Karim B."."""
    dotted = len(token.text) == 1 and clean[token.end : token.end + 1] == "."
    return token.end + dotted


def _capital(clean: str, token: Token) -> bool:
    return clean[token.start].isupper()


def _between(view: View, tokens: list[Token], i: int) -> str:
    return view.clean[tokens[i - 1].end : tokens[i].start] if i > 0 else view.clean[: tokens[i].start]


def _may_be_name(view: View, token: Token, shouting: bool) -> bool:
    """Looks like a name here: capitalised and not a usual word, or a clear first name."""
    word = token.text
    if word in _NOT_NAME or any(c.isdigit() for c in word):
        return False
    if _capital(view.clean, token) and not shouting:
        return True
    return word in first_names() and word not in ordinary_words()


def _after_title(view: View, tokens: list[Token], i: int, shouting: bool) -> bool:
    if i == 0 or tokens[i - 1].text not in TITLES:
        return False
    title, named = tokens[i - 1], _past_particles(view, tokens, i)
    if named is None or named.text in _NOT_NAME or named.text in _ROLES or any(c.isdigit() for c in named.text):
        return False
    between = _between(view, tokens, i)
    if not re.fullmatch(r"\.? {0,2}", between) or ("." in between and title.text not in _DOTTED):
        return False
    capital = _capital(view.clean, named)
    if title.text in _WEAK_TITLES:
        return capital and _capital(view.clean, title) and (not shouting or (title.text == "m" and "." in between))
    return capital or (named.text not in ordinary_words() and len(named.text) > 2)


def _past_particles(view: View, tokens: list[Token], i: int) -> Token | None:
    """The word that a name's particles lead to: "de la Cruz" leads to Cruz."""
    while i < len(tokens) and tokens[i].text in _PARTICLES:
        if i + 1 >= len(tokens) or not _JOIN.fullmatch(_between(view, tokens, i + 1)):
            return None
        i += 1
    return tokens[i] if i < len(tokens) else None


def _after_role(view: View, tokens: list[Token], i: int, shouting: bool) -> bool:
    """"ma conseillere bancaire, Sandrine", "my late husband Tom"."""
    clear = _may_be_name(view, tokens[i], shouting) or (tokens[i].text in _CAPITAL_AFTER_KIN and _capital(view.clean, tokens[i]))
    if not clear and not (tokens[i].text in first_names() and tokens[i].text not in _NOT_AFTER_KIN | _NOT_NAME):
        return False
    j = i - 1
    for _ in range(4):
        if j < 0:
            return False
        between = view.clean[tokens[j].end : tokens[j + 1].start]
        if not re.fullmatch(r" ?[,:(] ?|[ ]?'|[ \-]|, \"?|\. ", between) or (between.startswith(".") and tokens[j].text != "mme"):
            return False
        if tokens[j].text in _ROLES:
            return (clear or j == i - 1) and _is_role_here(view, tokens, j, i)
        if tokens[j].text not in _ROLE_TAIL or _capital(view.clean, tokens[j]) and not shouting:
            return False
        j -= 1
    return False


def _is_role_here(view: View, tokens: list[Token], role: int, name: int) -> bool:
    if tokens[role].text in {"benjamin", "ex", "staff", "member", "charge", "manager", "agent", "man", "law", "meme", "pepe", "cousin"} and not _KIN_BEFORE.search(
        view.low[max(0, tokens[role].start - 26) : tokens[role].start]
    ):
        return False
    if tokens[name - 1].text in {"de", "compte", "comptes", "agence", "du"}:
        return False
    return "," not in view.clean[tokens[role].end : tokens[name].start] or _known_first(tokens[name]) or _capital(view.clean, tokens[name])


def _known_first(token: Token) -> bool:
    return token.text in first_names()


def _after_cue(view: View, tokens: list[Token], i: int, shouting: bool) -> bool:
    """Greeted, thanked, spoken to, or at work for the bank."""
    token = tokens[i]
    if not _may_be_name(view, token, shouting):
        return False
    before = view.low[max(0, token.start - 45) : token.start]
    if is_product(view.clean, tokens, i, i + 1):
        return False
    if _GREETING.search(before):
        return _known_first(token) or view.clean[token.end : token.end + 1] in {",", "!"}
    if _APPOSED.match(view.low[token.end : token.end + 45]) and not shouting and not starts_sentence(view.clean, token.start - 1 if token.start else 0):
        return True
    if _STRONG_CUE.search(before):
        return _known_first(token) or (_capital(view.clean, token) and len(token.text) > 2 and view.clean[token.start : token.end] != view.clean[token.start : token.end].upper())
    return bool(_AT_WORK.match(view.low[token.end : token.end + 40])) and (_known_first(token) or not starts_sentence(view.clean, token.start))


def _name_end(view: View, tokens: list[Token], i: int, shouting: bool) -> int:
    """Index after the last token of the name that starts at i."""
    stop = i + 1
    while stop < len(tokens) and stop < i + 6 and _JOIN.fullmatch(_between(view, tokens, stop)):
        token = tokens[stop]
        ahead = stop
        while ahead < len(tokens) - 1 and tokens[ahead].text in _PARTICLES and _JOIN.fullmatch(_between(view, tokens, ahead + 1)):
            ahead += 1
        if tokens[stop].text in _PARTICLES and not (_capital(view.clean, tokens[ahead]) and ahead > stop and tokens[ahead].text not in _NOT_NAME):
            break
        if "." in _between(view, tokens, stop) and len(tokens[stop - 1].text) > 1:
            break
        if not _continues(view, tokens, ahead, shouting):
            break
        stop = ahead + 1
        del token
    return stop


def _continues(view: View, tokens: list[Token], i: int, shouting: bool) -> bool:
    token = tokens[i]
    if token.text in _NOT_NAME or any(c.isdigit() for c in token.text):
        return False
    first_name = token.text in first_names()
    if _between(view, tokens, i) == "-" and (first_name or _capital(view.clean, token)):
        return True
    if shouting or not _capital(view.clean, token):
        closed = view.clean[token.end : token.end + 1] in {",", "?", "!", ")"} and len(token.text) > 3
        return token.text not in ordinary_words() and (first_name or (closed and _between(view, tokens, i) == " "))
    return True


def _by_lexicon(view: View, tokens: list[Token], i: int, forms: NameForms, shouting: bool) -> tuple[Found, int] | None:
    """A first name standing where a name may stand."""
    token = tokens[i]
    if not _known_first(token) or token.text in _NOT_NAME or is_product(view.clean, tokens, i, i + 1):
        return None
    if i > 0 and "@" in _between(view, tokens, i):
        return None
    plain_word = token.text in ordinary_words() and not _is_double_name(view, tokens, i)
    capital = _capital(view.clean, token)
    if plain_word and not _is_meant(view, tokens, i, shouting):
        return None
    if not plain_word and not capital and len(token.text) < 4:
        return None
    stop = _name_end(view, tokens, i, shouting)
    if stop < len(tokens) and is_product(view.clean, tokens, i, stop):
        return None
    own = forms.first and all(t.text in forms.first for t in tokens[i:stop])
    if own:
        return None
    rank = (NAMED + 6 if stop - i > 1 else NAMED) if capital else GUESSED
    return Found(token.start, _with_dot(view.clean, tokens[stop - 1]), "OTHER_NAME", rank), stop


def _is_double_name(view: View, tokens: list[Token], i: int) -> bool:
    """"Jean-Loup", "minh-anh": two first names with a hyphen."""
    if i + 1 >= len(tokens) or _between(view, tokens, i + 1) != "-" or tokens[i].text in {"saint", "sainte", "st"}:
        return False
    following = tokens[i + 1]
    both_capital = _capital(view.clean, tokens[i]) and _capital(view.clean, following) and following.text not in ordinary_words()
    return len(tokens[i].text) > 1 and following.text not in _NOT_NAME and (following.text in first_names() or both_capital)


def _is_meant(view: View, tokens: list[Token], i: int, shouting: bool) -> bool:
    """A name that is also a word: meant as a name beside a surname, before what people do, or as a signature."""
    clean, token = view.clean, tokens[i]
    if shouting or not _capital(clean, token) or token.text in _CALENDAR:
        return False
    begins = starts_sentence(clean, token.start)
    determined = i > 0 and tokens[i - 1].text in _DETERMINERS and not begins
    if _beside_surname(view, tokens, i):
        return not begins and not determined
    after = view.low[token.end : token.end + 30]
    if _HUMAN_DEED.match(after) or _AT_WORK.match(after) or (not begins and _PERHAPS_HUMAN.match(after)):
        return not determined
    return ends_message(clean, token.start, token.end) and clean[: token.start].rstrip(" ")[-1:] in {"\n", "-"}


def _beside_surname(view: View, tokens: list[Token], i: int) -> bool:
    if i + 1 >= len(tokens) or _between(view, tokens, i + 1) not in {" ", "-"} or not _capital(view.clean, tokens[i + 1]):
        return False
    following = tokens[i + 1].text
    return following not in _NOT_NAME and following not in PRODUCT_AFTER and following not in _CALENDAR and not following.isdigit()
