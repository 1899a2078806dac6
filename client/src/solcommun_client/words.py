"""Messages in French and English, by the language of the environment."""

from __future__ import annotations

import os

_FRENCH = {
    "missing": "absent",
    "is a link": "est un lien",
    "not listed in the manifest": "n'est pas dans le manifeste",
    "altered: {found} bytes, the manifest says {listed}": "modifié : {found} octets, le manifeste en annonce {listed}",
    "altered: the sha256 is not the manifest's": "modifié : le sha256 n'est pas celui du manifeste",
    "its sha256 is {found}, the published one is {expected}": "son sha256 est {found}, celui publié est {expected}",
    "does not say the same as manifest.json": "ne dit pas la même chose que manifest.json",
    "missing or unreadable": "absent ou illisible",
    "{n} files, {faults} faults": "{n} fichiers, {faults} défauts",
    "{n} files, {size}": "{n} fichiers, {size}",
    "{n} files fetched, {kept} were here already; in {folder}": "{n} fichiers reçus, {kept} déjà là ; dans {folder}",
    "the manifest cannot be read ({why}): fetch it again": "manifeste illisible ({why}) : téléchargez-le de nouveau",
    "the manifest lists {path!r}, which is outside the release": "le manifeste cite {path!r}, hors de la publication",
    "the manifest lists {path!r} twice": "le manifeste cite {path!r} deux fois",
    "the manifest is of format {found!r}: a newer solcommun-client may read it": (
        "le manifeste est au format {found!r} : un solcommun-client plus récent le lira peut-être"
    ),
    "there is no folder {path}: give the folder that holds manifest.json": (
        "le dossier {path} n'existe pas : donnez celui qui contient manifest.json"
    ),
    "nothing in the release matches {only}: see `solcommun list`": (
        "rien dans la publication ne correspond à {only} : voyez « solcommun list »"
    ),
    "{url} is not an https address: give one, or add --allow-http if you trust the network": (
        "{url} n'est pas une adresse https : donnez-en une, ou ajoutez --allow-http si vous avez confiance en ce réseau"
    ),
    "{url} holds a name or password: leave it out": "{url} contient un nom ou un mot de passe : retirez-le",
    "{url} answered {status}: check the address": "{url} a répondu {status} : vérifiez l'adresse",
    "{url} was withdrawn: its page says why": "{url} a été retiré : sa page dit pourquoi",
    "{url} cannot be reached ({why}): try again later, what is here is kept": (
        "{url} est inaccessible ({why}) : réessayez plus tard, ce qui est déjà là reste"
    ),
    "{url} asks to wait {seconds:.0f} s: try again then, what is here is kept": (
        "{url} demande d'attendre {seconds:.0f} s : réessayez alors, ce qui est déjà là reste"
    ),
    "{url} sends more than {limit} bytes": "{url} envoie plus de {limit} octets",
    "{path} arrived twice with another sha256 than the manifest's: the site or the way to it is at fault": (
        "{path} est arrivé deux fois avec un autre sha256 que celui du manifeste : le site ou le réseau est en cause"
    ),
    "{path} would be written outside {folder} (a link leads there): remove the link": (
        "{path} serait écrit hors de {folder} (un lien y mène) : supprimez ce lien"
    ),
    "{folder} holds release {other}: give an empty folder": (
        "{folder} contient la publication {other} : donnez un dossier vide"
    ),
    "{folder} has {free} left and {needed} are needed: make room or choose another folder": (
        "il reste {free} dans {folder} et il faut {needed} : faites de la place ou choisissez un autre dossier"
    ),
    "stopped; run the same command again to go on": "arrêté ; relancez la même commande pour continuer",
    "the same files": "les mêmes fichiers",
    "{added} files added, {removed} removed, {changed} changed": (
        "{added} fichiers ajoutés, {removed} retirés, {changed} modifiés"
    ),
    "labels: {added} added, {removed} removed, {changed} changed": (
        "étiquettes : {added} ajoutées, {removed} retirées, {changed} modifiées"
    ),
    "labels not compared: pip install 'solcommun-client[rows]'": (
        "étiquettes non comparées : pip install 'solcommun-client[rows]'"
    ),
    "outline": "contour",
    "Fetch, check and compare the open data releases of a Solcommun site.": (
        "Télécharger, vérifier et comparer les données ouvertes publiées par un site Solcommun."
    ),
    "check a downloaded release": "vérifier une publication téléchargée",
    "fetch a release, or go on with fetching it": "télécharger une publication, ou continuer un téléchargement",
    "compare two releases": "comparer deux publications",
    "list the files of a release, or the releases of a site": (
        "lister les fichiers d'une publication, ou les publications d'un site"
    ),
    "address of a release's page, or of a site": "adresse de la page d'une publication, ou d'un site",
    "{n} releases": "{n} publications",
    "withdrawn": "retirée",
    "{url} is no catalogue: give the address of a site": ("{url} n'est pas un catalogue : donnez l'adresse d'un site"),
    "{url} sends more than {limit} documents": "{url} envoie plus de {limit} documents",
    "folder of the release": "dossier de la publication",
    "address of the release's page": "adresse de la page de la publication",
    "folder or address of a release": "dossier ou adresse d'une publication",
    "digest of manifest.json shown on the release's page": "empreinte de manifest.json affichée sur la page",
    "folder to fetch into; default: named after the release": (
        "dossier d'arrivée ; par défaut, le nom de la publication"
    ),
    "a folder of the release, or a pattern as annotations/*.gpkg; may be given again": (
        "un dossier de la publication, ou un motif comme annotations/*.gpkg ; peut être répété"
    ),
    "files fetched at once (1 to 8)": "fichiers téléchargés à la fois (1 à 8)",
    "also take http:// addresses": "accepter aussi les adresses http://",
    "print one JSON object": "écrire un objet JSON",
    "name the site: --site https://…, or SOLCOMMUN_SITE in the environment": (
        "indiquez le site : --site https://…, ou SOLCOMMUN_SITE dans l'environnement"
    ),
    "{site} knows no territory {code}: see {site}territories/": (
        "{site} ne connaît pas le territoire {code} : voyez {site}territories/"
    ),
    "{url} tells no figures: give the address of a site": "{url} ne donne pas de chiffres : donnez l'adresse d'un site",
    "{name} has no figures of {campaign}: there are {known}": (
        "{name} n'a pas de chiffres de {campaign} : il y a {known}"
    ),
    "{name} ({code}) has no figures yet: no imagery of the site shows it, or none was counted": (
        "{name} ({code}) n'a pas encore de chiffres : aucune image du site ne le montre, ou aucune n'a été comptée"
    ),
    "no Chromium or Chrome here to print with: open {url} in a browser and print it": (
        "ni Chromium ni Chrome ici pour imprimer : ouvrez {url} dans un navigateur et imprimez"
    ),
    "{program} printed nothing in {seconds} s": "{program} n'a rien imprimé en {seconds} s",
    "{program} printed nothing ({why})": "{program} n'a rien imprimé ({why})",
    "figures of a territory: areas, artificialised ground, what was reviewed": (
        "chiffres d'un territoire : surfaces, sol artificialisé, ce qui a été vérifié"
    ),
    "what changed in a territory between two dates, with its error": (
        "ce qui a changé dans un territoire entre deux dates, avec son erreur"
    ),
    "print the territory's page into this PDF file, by the Chromium or Chrome of this machine": (
        "imprimer la page du territoire dans ce fichier PDF, par le Chromium ou le Chrome de cette machine"
    ),
    "code of a territory, or the address of its page": "code d'un territoire, ou adresse de sa page",
    "address of the site; default: SOLCOMMUN_SITE of the environment": (
        "adresse du site ; par défaut, SOLCOMMUN_SITE de l'environnement"
    ),
    "where a code is one of several kinds": "lorsque plusieurs sortes de territoires ont ce code",
    "of another map than the newest: the short name of its campaign": (
        "d'une autre carte que la plus récente : le nom court de sa campagne"
    ),
    "write the tables into this folder": "écrire les tableaux dans ce dossier",
    # Why something is not assessed, by the code that the API gives.
    "no map is published yet": "aucune carte n'est encore publiée",
    "nobody has checked places drawn at random": "personne n'a vérifié de lieux tirés au hasard",
    "places drawn at random are still being answered": "des lieux tirés au hasard attendent encore des réponses",
    "the map has not been counted here yet": "la carte n'a pas encore été comptée ici",
    "too few of the checked places lie here": "trop peu des lieux vérifiés se trouvent ici",
    "too few blocks of control tiles are labelled": "trop peu de blocs de tuiles de contrôle sont annotés",
    "control tiles are still being labelled": "les tuiles de contrôle sont encore en cours d'annotation",
    "the imagery shows nothing of it": "l'imagerie n'en montre rien",
    "a part of the ground has no answer that counts": "une partie du sol n'a aucune réponse qui compte",
    "part of a class went to another one since people answered": "une partie d'une classe est passée à une autre "
    "depuis que des personnes ont répondu",
    "places cannot tell what the thresholds changed": "des lieux ne disent pas ce que les seuils ont changé",
    "it has not been computed": "il n'a pas été calculé",
    "the territory was not counted then": "le territoire n'était pas compté à ce moment",
    "to": "à",
    "page": "page",
    "method": "méthode",
    "class": "classe",
    "mapped, ha": "carte, ha",
    "estimate, ha": "estimation, ha",
    "95 % interval": "intervalle à 95 %",
    "{ha} ha, of which the imagery shows {seen} ha": "{ha} ha, dont l'imagerie montre {seen} ha",
    "{seen} of {tiles} tiles were looked at by people, {part} in part, {never} never": (
        "{seen} tuiles sur {tiles} ont été regardées par des personnes, {part} en partie, {never} jamais"
    ),
    "areas: not assessed ({reason})": "surfaces : non évaluées ({reason})",
    "* few places decide: the interval is wide, and rests on them": (
        "* peu de lieux décident : l'intervalle est large, et repose sur eux"
    ),
    "artificialised ground: not computed ({reason})": "sol artificialisé : non calculé ({reason})",
    "artificialised ground: between {low} and {high} ha; usage is not known everywhere, so no single figure": (
        "sol artificialisé : entre {low} et {high} ha ; l'usage n'est pas connu partout, donc pas de chiffre unique"
    ),
    "artificialised ground: {ha} ha (95 % interval {span})": "sol artificialisé : {ha} ha (intervalle à 95 % : {span})",
    "artificialised ground: {ha} ha as mapped; the error of that is not assessed ({reason})": (
        "sol artificialisé : {ha} ha d'après la carte ; l'erreur n'en est pas évaluée ({reason})"
    ),
    "no earlier date is paired with this one: nothing is known of change": (
        "aucune date antérieure n'est comparée à celle-ci : rien n'est connu du changement"
    ),
    "{years} years": "{years} ans",
    "change: not assessed ({reason})": "changement : non évalué ({reason})",
    "only the earlier map was wrong on {ha} ha ({span}): in no flow": (
        "seule la carte ancienne était fausse sur {ha} ha ({span}) : dans aucun flux"
    ),
    "subtracting the two maps would have said {gain} ha of gain and {loss} ha of loss": (
        "soustraire les deux cartes aurait donné {gain} ha de gain et {loss} ha de perte"
    ),
    "{used} of {places} places told something": "{used} lieux sur {places} ont permis de répondre",
    "{n} corrections of the earlier map stand apart ({ha} ha)": (
        "{n} corrections de la carte ancienne sont comptées à part ({ha} ha)"
    ),
    "nobody has looked at {share} % of the ground": "personne n'a regardé {share} % du sol",
    "became artificialised": "artificialisé depuis",
    "no longer artificialised": "n'est plus artificialisé",
    "balance": "solde",
    "ha a year": "ha par an",
    "at least": "au moins",
    "at most": "au plus",
}


def in_french() -> bool:
    """Whether the environment asks for French (LC_ALL, LC_MESSAGES, LANG, in this order)."""
    chosen = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return chosen.lower().startswith("fr")


def say(text: str, **values: object) -> str:
    """The message in the language of the environment, with its values."""
    return (_FRENCH.get(text, text) if in_french() else text).format(**values)


def size_words(size: int) -> str:
    """A number of bytes for people: 1024 to the next unit."""
    units = ("o", "kio", "Mio", "Gio", "Tio") if in_french() else ("B", "KiB", "MiB", "GiB", "TiB")
    value, rank = float(size), 0
    while value >= 1024 and rank < len(units) - 1:
        value, rank = value / 1024, rank + 1
    return f"{size} {units[0]}" if rank == 0 else f"{value:.1f} {units[rank]}"
