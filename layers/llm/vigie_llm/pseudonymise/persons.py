"""Other people: named after a title, a role or kinship, in greetings and thanks, or by a first name."""

import re

from vigie_llm.pseudonymise.folding import View
from vigie_llm.pseudonymise.known_names import NameForms, ends_message, is_product, is_shouting, starts_sentence
from vigie_llm.pseudonymise.lexicon import TITLES, first_names, ordinary_words
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
    "je j'ai il elle on nous vous ils elles le la les un une des du de et ou mais donc or ni car que qui quoi quand comment pourquoi bonjour bonsoir salut hello hi hey dear cher chere chers merci cordialement madame monsieur mademoiselle mesdames "
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
    r"(?:\b(?:merci|remercie\w*|remerciements?|bravo|chapeau|felicitations|mention speciale|coup de chapeau|grace)(?: (?:infiniment|beaucoup|encore|tout particulierement|vraiment|mille fois|bien))?(?: a| pour|)|\b(?:suivi[es]*|recue?s?|accueillie?s?|traitee?s?|geree?s?|signee?s?|"
    r"envoyee?s?|rappelee?s?|aidee?s?|conseillee?s?|contactee?s?|renseignee?s?|servie?s?|repondu|demarchee?s?|ouverte?|saisie?|instruite?|transmise?|validee?) par|\b(?:parlee?|vu|rencontree?|eu|discute|echange|telephone|rdv|rendez-vous|rendez vous|entretien|affaire|convenu|compte joint|commun|joint)(?: a| avec|)|\b(?:une? certaine?|prenommee?s?|nommee?s?|du nom de|au nom de|"
    r"s'appelle|s'appelait|appelee?|de la part de|demandez|demander|joindre|remercier|feliciter|ainsi que|dixit|signe|selon|d'apres)"
    r"|\b(?:thanks|thank you|thx|cheers|kudos|credit|shout ?out|praise|grateful|compliments|hats off|props|well done)(?: (?:so much|again|very much|a lot))?(?: to|,|)|\b(?:spoke|spoken|talked|talking|speak|speaking|chatted|dealt|dealing|met|meeting|appointment|joint account|jointly|call|chat|line|phone|seen|saw)(?: to| with| from|)|\b(?:served|handled|helped|seen|"
    r"advised|signed|told|promised|assured|sold|called|rung|phoned|contacted|emailed|answered|processed|opened) by|\b(?:named|called|name is|name was|name's|ask for|asked for|a certain|someone called|on behalf of|in the name of|according to|remind|tell|told|says|ask)) ?$"
)
_AT_WORK = re.compile(
    r"^ ?(?:,? ?(?:du service|de l'agence|au guichet|du guichet|a l'accueil|de l'accueil|du support|de votre (?:agence|service|equipe)|de chez vous|de la (?:hotline|plateforme)|from (?:the|your|our)\b|in (?:the|your) (?:\w+ )?(?:branch|team|call|fraud|contact|customer)|"
    r"at (?:the|your) (?:\w+ )?(?:branch|desk|counter|till|call|front)|on (?:the|your) (?:desk|counter|front|phone|chat|line|helpline)))"
)
_JOIN = re.compile(r"[ ]|-|'| ?\. ?|[ ]'")
_PARTICLES = frozenset("de du des le la d l van von der den da dos do di del della el al ben bin ait o mac mc st saint ould abou abu".split())
_KIN_BEFORE = re.compile(r"\b(?:mon|ma|mes|notre|nos|son|sa|ses|votre|vos|leur|leurs|my|our|his|her|your|their|the|un|une|le|la|l'|cette|ce|cet|a|an|this|that|another|same|d'une?|feu|feue|late)\b")


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
            return Found(token.start, _with_dot(view.clean, tokens[stop - 1]), "OTHER_NAME", rank), stop
    return _by_lexicon(view, tokens, i, forms, shouting)


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
    if i == 0 or tokens[i - 1].text not in TITLES or tokens[i].text in _NOT_NAME:
        return False
    title = tokens[i - 1]
    between = _between(view, tokens, i)
    if not re.fullmatch(r"\.? {0,2}", between):
        return False
    if title.text in {"m", "me", "pr", "sir", "sister", "father", "dame", "lady", "lord", "docteur"} and not (
        _capital(view.clean, title) and _capital(view.clean, tokens[i])
    ):
        return False
    if _capital(view.clean, tokens[i]):
        return not shouting or title.text not in {"m", "me"} or "." in between
    return tokens[i].text not in ordinary_words() and tokens[i].text not in _ROLES and tokens[i].text not in _PARTICLES and len(tokens[i].text) > 2


def _after_role(view: View, tokens: list[Token], i: int, shouting: bool) -> bool:
    """"ma conseillere bancaire, Sandrine", "my late husband Tom"."""
    if not _may_be_name(view, tokens[i], shouting):
        return False
    j = i - 1
    for _ in range(4):
        if j < 0:
            return False
        between = view.clean[tokens[j].end : tokens[j + 1].start]
        if not re.fullmatch(r" ?[,:(] ?|[ ]?'|[ \-]|, \"?|\. ", between) or (between.startswith(".") and tokens[j].text != "mme"):
            return False
        if tokens[j].text in _ROLES:
            return _is_role_here(view, tokens, j, i)
        if tokens[j].text not in _ROLE_TAIL or _capital(view.clean, tokens[j]) and not shouting:
            return False
        j -= 1
    return False


def _is_role_here(view: View, tokens: list[Token], role: int, name: int) -> bool:
    if tokens[role].text in {"benjamin", "ex", "staff", "member", "charge", "manager", "agent", "man", "law", "meme", "pepe", "cousin"} and not _KIN_BEFORE.search(
        view.low[max(0, tokens[role].start - 14) : tokens[role].start]
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
    hyphened = _between(view, tokens, i) == "-"
    if token.text in _NOT_NAME or any(c.isdigit() for c in token.text):
        return False
    if shouting:
        return hyphened or (token.text in first_names() and token.text not in ordinary_words())
    return _capital(view.clean, token) or (hyphened and len(token.text) > 1 and _capital(view.clean, tokens[i - 1]))


def _by_lexicon(view: View, tokens: list[Token], i: int, forms: NameForms, shouting: bool) -> tuple[Found, int] | None:
    """A first name standing where a name may stand."""
    token = tokens[i]
    if not _known_first(token) or token.text in _NOT_NAME or is_product(view.clean, tokens, i, i + 1):
        return None
    if i > 0 and "@" in _between(view, tokens, i):
        return None
    plain_word = token.text in ordinary_words()
    capital = _capital(view.clean, token)
    if plain_word and not _is_meant(view, tokens, i, shouting):
        return None
    if not plain_word and not capital and len(token.text) < 5:
        return None
    stop = _name_end(view, tokens, i, shouting) if capital else i + 1
    if stop < len(tokens) and is_product(view.clean, tokens, i, stop):
        return None
    own = forms.first and all(t.text in forms.first for t in tokens[i:stop])
    if own:
        return None
    return Found(token.start, _with_dot(view.clean, tokens[stop - 1]), "OTHER_NAME", NAMED if capital else GUESSED), stop


def _is_meant(view: View, tokens: list[Token], i: int, shouting: bool) -> bool:
    """A name that is also a word: meant as a name only beside another name or in a signature."""
    clean, token = view.clean, tokens[i]
    if shouting or not _capital(clean, token):
        return False
    if i + 1 < len(tokens) and _between(view, tokens, i + 1) in {" ", "-"} and _capital(clean, tokens[i + 1]):
        following = tokens[i + 1].text
        return following not in _NOT_NAME and following not in ordinary_words() and not starts_sentence(clean, token.start)
    return ends_message(clean, token.start, token.end) and clean[: token.start].rstrip(" ")[-1:] in {"\n", "-"}
