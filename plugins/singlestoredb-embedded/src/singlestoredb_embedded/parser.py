"""The parser of statements: the entry to the grammar, and every kind that is no query."""

from __future__ import annotations

from . import nodes
from .errors import unsupported
from .routines import RoutineParser
from .statements import (
    AlterAction,
    AlterTable,
    CallProcedure,
    ColumnSpec,
    CreateDatabase,
    CreateIndex,
    CreateTable,
    CreateView,
    DropDatabase,
    DropRoutine,
    DropTables,
    Explain,
    Inert,
    KeySpec,
    Kill,
    LoadData,
    Savepoint,
    SetVariables,
    Show,
    Statement,
    Transaction,
    Truncate,
    Use,
)

_REFUSED_CREATE = {
    "PIPELINE": "CREATE PIPELINE", "LINK": "CREATE LINK", "AGGREGATE": "CREATE AGGREGATE",
    "TRIGGER": "CREATE TRIGGER", "EVENT": "CREATE EVENT", "PROJECTION": "CREATE PROJECTION",
    "MILESTONE": "CREATE MILESTONE",
}  # fmt: skip
_REFUSED = {
    "BACKUP", "RESTORE", "PROFILE", "HANDLER",
    "PREPARE", "EXECUTE", "DEALLOCATE", "ATTACH", "DETACH", "MERGE", "DO", "START", "STOP", "TEST",
    "REBALANCE", "XA", "IMPORT", "CLONE",
}  # fmt: skip
_INERT = {
    "ANALYZE", "OPTIMIZE", "GRANT", "REVOKE", "FLUSH", "SNAPSHOT", "CHECK", "REPAIR", "UNLOCK",
    "LOCK", "SYNC", "TRIGGER",
}  # fmt: skip
_KEY_START = {"PRIMARY", "UNIQUE", "KEY", "INDEX", "SHARD", "SORT", "FULLTEXT", "VECTOR",
              "CONSTRAINT", "FOREIGN", "CHECK", "MULTI"}  # fmt: skip


_EXPLAINED = (
    nodes.Select, nodes.SetOperation, nodes.Values, nodes.Insert, nodes.Update, nodes.Delete,
)  # fmt: skip


class StatementParser(RoutineParser):
    """Parses one statement of any kind."""

    def statement(self) -> Statement:
        """Parse the whole statement; raises 1064, or 1235 for one that is refused."""
        result = self._statement()
        self.finish()
        return result

    def _statement(self) -> Statement:
        word = self.token.word
        if word in ("SELECT", "WITH", "(", "VALUES"):
            return self.query()
        if word in ("INSERT", "REPLACE"):
            return self.insert()
        if self.accept("CALL"):
            return CallProcedure(self.procedure_call(), echo=False)
        method = getattr(self, f"_{word.lower()}_statement", None) if word.isalpha() else None
        if method is not None:
            return method()  # type: ignore[no-any-return]  # every such method returns a Statement
        if word in _INERT:
            self.position = len(self.tokens) - 1
            return Inert(word)
        if word in _REFUSED:
            second = self.peek().word
            raise unsupported(f"{word} {second}" if word in ("START", "STOP", "TEST") else word)
        raise self.fail()

    def _update_statement(self) -> Statement:
        return self.update()

    def _delete_statement(self) -> Statement:
        return self.delete()

    # -- session ---------------------------------------------------------------------------

    def _use_statement(self) -> Statement:
        self.next()
        return Use(self.identifier())

    def _begin_statement(self) -> Statement:
        self.next()
        self.accept("WORK")
        return Transaction("begin")

    def _start_statement(self) -> Statement:
        if not self.at("START", "TRANSACTION"):
            raise unsupported(f"START {self.peek().word}")
        self.position = len(self.tokens) - 1  # isolation words have no effect
        return Transaction("begin")

    def _commit_statement(self) -> Statement:
        self.next()
        self.accept("WORK")
        return Transaction("commit")

    def _rollback_statement(self) -> Statement:
        self.next()
        self.accept("WORK")
        if self.accept("TO"):
            self.accept("SAVEPOINT")
            return Savepoint("rollback", self.identifier())
        return Transaction("rollback")

    def _savepoint_statement(self) -> Statement:
        self.next()
        return Savepoint("savepoint", self.identifier())

    def _release_statement(self) -> Statement:
        self.expect("RELEASE", "SAVEPOINT")
        return Savepoint("release", self.identifier())

    # -- routines --------------------------------------------------------------------------

    def _echo_statement(self) -> Statement:
        self.next()
        if self.at_any("SELECT", "WITH", "("):
            return self.query()
        return CallProcedure(self.procedure_call(), echo=True)

    def _explain_statement(self) -> Statement:
        self.next()
        if self.at_identifier() and (self.peek().kind == "end" or self.peek().word == "."):
            return self._describe_table()
        if self.at_any("EXTENDED", "JSON", "ANALYZE", "FORMAT"):
            raise unsupported(f"EXPLAIN {self.token.word}")
        statement = self._statement()
        if not isinstance(statement, _EXPLAINED):
            raise self.fail()
        return Explain(statement)

    def _restart_statement(self) -> Inert:
        if self.peek().word != "PROXY":
            raise unsupported("RESTART")
        self.expect("RESTART", "PROXY")  # how a server begins its Data API, which is there already
        return Inert("RESTART PROXY")

    def _kill_statement(self) -> Statement:
        self.next()
        word = self.accept_any("CONNECTION", "QUERY")
        return Kill(self.integer(), word == "QUERY")

    def _set_statement(self) -> Statement:
        self.next()
        if self.at_any("NAMES", "CHARSET", "PASSWORD") or self.at("CHARACTER", "SET"):
            self.position = len(self.tokens) - 1
            return Inert("")
        scope = "session"
        if (self.at_any("SESSION", "GLOBAL") and self.peek().word == "TRANSACTION") or (
            self.at("TRANSACTION")
        ):  # fmt: skip
            self.position = len(self.tokens) - 1
            return Inert("")
        items = []
        while True:
            word = self.accept_any("SESSION", "LOCAL", "GLOBAL", "CLUSTER", "AGGREGATOR", "LEAF")
            if word:
                scope = "session" if word in ("SESSION", "LOCAL") else "global"
            token = self.token
            if token.kind == "variable":
                node = self._variable()
                if isinstance(node, nodes.Assignment):
                    items.append(("user", node.name, node.value))
                    if not self.accept(","):
                        return SetVariables(items)
                    continue
                assert isinstance(node, nodes.Variable)
                name = node.name
                where = {"user": "user", "system": scope, "global": "global"}[node.scope]
            else:
                name, where = self.identifier().lower(), scope
            if not self.accept(":="):
                self.expect("=")
            items.append((where, name, self._setting()))
            if not self.accept(","):
                return SetVariables(items)

    def _setting(self) -> nodes.Expr:
        """A value of SET: an expression, or a bare word such as ON."""
        token = self.token
        if (
            token.kind == "word"
            and self.peek().word in ("", ",")
            and self.peek().kind in ("end", "op")
            and token.word not in ("NULL", "TRUE", "FALSE")
        ):
            self.next()
            return nodes.Literal("string", token.text)
        return self.expression()

    # -- databases -------------------------------------------------------------------------

    def _if(self, *words: str) -> bool:
        return self.accept("IF", *words)

    def _create_statement(self) -> Statement:
        self.next()
        replace = self.accept("OR", "REPLACE")
        if self.accept_any("DATABASE", "SCHEMA"):
            absent = self._if("NOT", "EXISTS")
            name = self.identifier()
            self.position = len(self.tokens) - 1  # character sets and partitions have no effect
            return CreateDatabase(name, absent)
        for word in ("DEFINER", "ALGORITHM"):
            if self.accept(word, "="):
                self.next()
                while not self.at_any("SQL", "VIEW", "PROCEDURE", "FUNCTION") and not self.at_end:
                    self.next()
        if self.at("SQL", "SECURITY") or self.at("SCHEMA_BINDING"):
            while not self.at("VIEW") and not self.at_end:
                self.next()
        if self.accept("VIEW"):
            return self._create_view(replace)
        if self.at_any("UNIQUE", "INDEX", "FULLTEXT", "VECTOR") and self.peek().word != "TABLE":
            return self._create_index()
        if self.at_any("USER", "ROLE", "GROUP", "RESOURCE"):
            word = self.token.word
            self.position = len(self.tokens) - 1
            return Inert(f"CREATE {word}")
        if self.at_any("PROCEDURE", "FUNCTION", "EXTERNAL"):
            return self.create_routine(replace=replace)
        refused = _REFUSED_CREATE.get(self.token.word)
        if refused is not None:
            raise unsupported(refused)
        return self._create_table()

    def _create_view(self, replace: bool) -> Statement:
        database, name = self.qualified_name()
        columns = self.parenthesised_names() if self.at("(") else []
        self.expect("AS")
        start = self.position
        self.query()
        text = self.text(start, self.position)
        return CreateView(name, database, columns, text, replace)

    def _create_index(self) -> Statement:
        kind = self.accept_any("UNIQUE", "FULLTEXT", "VECTOR") or "KEY"
        self.expect("INDEX")
        self._if("NOT", "EXISTS")
        name = self.identifier()
        self._using()
        self.expect("ON")
        table = self.qualified_name()
        key = KeySpec(kind, name, self._key_columns())
        self.position = len(self.tokens) - 1
        return CreateIndex(table, key)

    def _drop_statement(self) -> Statement:
        self.next()
        if self.accept_any("DATABASE", "SCHEMA"):
            exists = self._if("EXISTS")
            return DropDatabase(self.identifier(), exists)
        self.accept("TEMPORARY")
        word = self.accept_any("TABLE", "TABLES", "VIEW")
        if word:
            exists = self._if("EXISTS")
            names = [self.qualified_name()]
            while self.accept(","):
                names.append(self.qualified_name())
            self.accept_any("RESTRICT", "CASCADE")
            return DropTables(names, exists, word == "VIEW")
        if self.accept("INDEX"):
            name = self.identifier()
            self.expect("ON")
            database, table = self.qualified_name()
            return AlterTable(table, database, [AlterAction("drop_key", name)])
        word = self.token.word
        if word in ("PROCEDURE", "FUNCTION"):
            self.next()
            exists = self._if("EXISTS")
            database, name = self.qualified_name()
            return DropRoutine(word, name, database, exists)  # type: ignore[arg-type]  # of the two
        if word in ("USER", "ROLE", "GROUP", "RESOURCE"):
            self.position = len(self.tokens) - 1
            return Inert(f"DROP {word}")
        if word in _REFUSED_CREATE:
            raise unsupported(f"DROP {word}")
        raise self.fail()

    def _truncate_statement(self) -> Statement:
        self.next()
        self.accept("TABLE")
        database, name = self.qualified_name()
        return Truncate(name, database)

    # -- tables ----------------------------------------------------------------------------

    def _create_table(self) -> Statement:
        kinds, temporary, inert = [], False, []
        while not self.accept("TABLE"):
            word = self.accept_any("ROWSTORE", "COLUMNSTORE", "REFERENCE", "GLOBAL", "LOCAL",
                                   "TEMPORARY")  # fmt: skip
            if word is None:
                raise self.fail()
            if word == "TEMPORARY":
                temporary = True
            elif word in ("ROWSTORE", "REFERENCE"):
                kinds.append(word)
                inert.append(f"{word} TABLE")
        absent = self._if("NOT", "EXISTS")
        database, name = self.qualified_name()
        create = CreateTable(name, database, absent, " ".join(kinds), temporary, inert=inert)
        if self.accept("LIKE"):
            create.like = self.qualified_name()
            return create
        if self.at("(", "LIKE"):
            self.next()
            self.next()
            create.like = self.qualified_name()
            self.expect(")")
            return create
        if self.at("(") and self.peek().word not in ("SELECT", "WITH", "("):
            self.next()
            while True:
                self._table_element(create)
                if not self.accept(","):
                    break
            self.expect(")")
        self._table_options(create)
        self.accept_any("AS", "IGNORE", "REPLACE")
        if not self.at_end:
            create.query = self.query()
        elif not create.columns:
            raise self.fail()
        return create

    def _table_element(self, create: CreateTable) -> None:
        if self.token.kind == "word" and self.token.word in _KEY_START and not (
            self.token.word not in ("PRIMARY", "UNIQUE", "CONSTRAINT", "FOREIGN", "CHECK")
            and self.peek().kind == "word"
            and self.peek().word not in ("KEY", "INDEX", "USING")
            and self.peek(2).word != "("
        ):  # fmt: skip
            key = self._key()
            create.keys.append(key)
            if key.kind not in ("PRIMARY", "UNIQUE", "KEY"):
                create.inert.append(f"{key.kind} KEY")
        else:
            spec = self.column_spec()
            create.columns.append(spec)

    def _using(self) -> None:
        if self.accept("USING"):
            self.identifier()

    def _key_columns(self) -> list[str]:
        self.expect("(")
        columns: list[str] = []
        while not self.accept(")"):
            columns.append(self.identifier())
            if self.at("("):
                self.skip_parentheses()
            self.accept_any("ASC", "DESC")
            if not self.at(")"):
                self.expect(",")
        return columns

    def _key(self) -> KeySpec:
        start = self.position
        constraint = ""
        if self.accept("CONSTRAINT") and not self.at_any("PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
            constraint = self.identifier()
        word = self.next().word
        if word == "CHECK":
            raise unsupported("CHECK constraints")
        kind = {"INDEX": "KEY", "MULTI": "KEY"}.get(word, word)
        if word != "KEY" and word != "INDEX":
            self.accept_any("KEY", "INDEX")
        if word == "UNIQUE" and self.accept("UNENFORCED"):
            kind = "KEY"
        name = constraint if word == "UNIQUE" else ""
        if self.at_identifier() and not self.at("USING"):
            name = self.identifier()
        self._using()
        columns = self._key_columns()
        if kind == "FOREIGN":
            self.expect("REFERENCES")
            self.qualified_name()
            self._key_columns()
            while self.accept("ON"):
                self.next()
                self.next()
                if self.token.word in ("NULL", "DEFAULT", "ACTION"):
                    self.next()
        while not self.at_any(",", ")") and not self.at_end:
            if self.at("("):
                self.skip_parentheses()
            else:
                self.next()
        return KeySpec(kind, name, columns, self.text(start, self.position))

    def column_spec(self) -> ColumnSpec:
        """Parse a column's declaration."""
        name = self.identifier()
        if self.accept("AS"):
            return self._computed(name)
        spec = ColumnSpec(name, self.type_name())
        while True:
            if self.accept("NOT", "NULL"):
                spec.nullable = False
            elif self.accept("NULL"):
                spec.nullable = True
            elif self.accept("DEFAULT"):
                spec.default = self._default()
            elif self.accept("ON", "UPDATE"):
                spec.on_update = self._default()
            elif self.accept("AUTO_INCREMENT"):
                self.accept("AS")
                self.accept("SEQUENCE")
                spec.auto_increment = True
            elif self.accept("PRIMARY"):
                self.expect("KEY")
                spec.key = "PRIMARY"
            elif self.accept("UNIQUE"):
                self.accept("KEY")
                spec.key = "UNIQUE"
            elif self.accept("KEY"):
                spec.key = "PRIMARY"
            elif self.accept("COMMENT"):
                spec.comment = self.string()
            elif self.accept("COLLATE"):
                assert spec.type is not None
                spec.type.collation = self.name_or_string().lower()
            elif self.accept_any("SPARSE", "SERIES"):
                self.accept("TIMESTAMP")
            elif self.accept("GENERATED", "ALWAYS", "AS") or self.accept("AS"):
                start = self.position
                self.expect("(")
                self.position = start
                self.skip_parentheses()
                spec.computed = self.text(start, self.position)
                self.accept_any("PERSISTED", "STORED", "VIRTUAL")
            elif self.at_any("OPTION", "CHECK", "REFERENCES"):
                raise unsupported(f"the column option {self.token.word}")
            else:
                return spec

    def _computed(self, name: str) -> ColumnSpec:
        start = self.position
        self.expression()
        computed = self.text(start, self.position)
        self.accept("PERSISTED")
        kind = None if self.accept("AUTO") else self.type_name()
        spec = ColumnSpec(name, kind, computed=computed)
        if self.accept("COMMENT"):
            spec.comment = self.string()
        return spec

    def _default(self) -> str:
        start = self.position
        self.expression()
        return self.text(start, self.position)

    def _table_options(self, create: CreateTable) -> None:
        while self.token.kind == "word" and not self.at_any("AS", "SELECT", "WITH", "IGNORE",
                                                            "REPLACE"):  # fmt: skip
            word = self.next().word
            if word == "DEFAULT":
                continue
            if word == "CHARACTER":
                self.expect("SET")
            self.accept("=")
            if word == "COMMENT":
                create.comment = self.string()
            elif word == "AUTO_INCREMENT":
                create.auto_increment = self.integer()
            elif self.at("("):
                self.skip_parentheses()
            elif self.token.kind in ("word", "string", "number", "quoted"):
                self.next()
            self.accept(",")

    def _alter_statement(self) -> Statement:
        self.next()
        if not self.accept("TABLE"):
            raise unsupported(f"ALTER {self.token.word}")
        database, name = self.qualified_name()
        actions = [self._alter_action()]
        while self.accept(","):
            actions.append(self._alter_action())
        return AlterTable(name, database, actions)

    def _alter_action(self) -> AlterAction:
        word = self.next().word
        if word == "ADD":
            if self.token.word in _KEY_START and self.token.kind == "word" and (
                self.token.word != "KEY" or self.peek().word != "("
            ):  # fmt: skip
                return AlterAction("add_key", key=self._key())
            self.accept("COLUMN")
            spec = self.column_spec()
            return AlterAction("add", spec.name, spec, after=self._placement())
        if word == "DROP":
            if self.accept("PRIMARY", "KEY"):
                return AlterAction("drop_key", "PRIMARY")
            if self.accept_any("INDEX", "KEY"):
                return AlterAction("drop_key", self.identifier())
            if self.accept("CONSTRAINT"):
                return AlterAction("drop_key", self.identifier())
            self.accept("COLUMN")
            return AlterAction("drop", self.identifier())
        if word == "MODIFY":
            self.accept("COLUMN")
            spec = self.column_spec()
            return AlterAction("change", spec.name, spec, after=self._placement())
        if word == "CHANGE":
            self.accept("COLUMN")
            old = self.identifier()
            if self.token.kind in ("word", "quoted") and self.peek().kind == "end":
                return AlterAction("rename_column", old, new_name=self.identifier())
            spec = self.column_spec()
            return AlterAction("change", old, spec, after=self._placement())
        if word == "RENAME":
            if self.accept("COLUMN"):
                old = self.identifier()
                self.expect("TO")
                return AlterAction("rename_column", old, new_name=self.identifier())
            if not self.accept("TO"):
                self.accept("AS")
            database, name = self.qualified_name()
            return AlterAction("rename", new_name=name, database=database)
        if word == "ALTER":
            self.accept("COLUMN")
            name = self.identifier()
            if self.accept("DROP", "DEFAULT"):
                return AlterAction("default", name)
            self.expect("SET", "DEFAULT")
            return AlterAction("default", name, value=self._default())
        if word in ("COMMENT", "AUTO_INCREMENT"):
            self.accept("=")
            return AlterAction(word.lower(), value=self.next().text)
        if word in ("ENGINE", "AUTOSTATS_ENABLED", "AUTOSTATS_CARDINALITY_MODE", "FORCE",
                    "AUTOSTATS_HISTOGRAM_MODE", "AUTOSTATS_SAMPLING"):  # fmt: skip
            self.accept("=")
            if not self.at_any(",") and not self.at_end:
                self.next()
            return AlterAction("inert", word)
        raise unsupported(f"ALTER TABLE ... {word}")

    def _placement(self) -> str | None:
        if self.accept("FIRST"):
            return ""
        return self.identifier() if self.accept("AFTER") else None

    def _rename_statement(self) -> Statement:
        self.next()
        self.expect("TABLE")
        database, name = self.qualified_name()
        self.expect("TO")
        new_database, new_name = self.qualified_name()
        action = AlterAction("rename", new_name=new_name, database=new_database or database)
        return AlterTable(name, database, [action])

    # -- SHOW ------------------------------------------------------------------------------

    def _describe_statement(self) -> Statement:
        if self.peek().word in ("SELECT", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE", "("):
            return self._explain_statement()
        self.next()
        return self._describe_table()

    def _describe_table(self) -> Statement:
        database, name = self.qualified_name()
        return Show("COLUMNS", name=name, database=database)

    _desc_statement = _describe_statement

    def _show_statement(self) -> Statement:
        self.next()
        show = Show("")
        while True:
            if self.accept("FULL"):
                show.full = True
            elif self.accept("EXTENDED"):
                show.extended = True
            elif self.at_any("GLOBAL", "SESSION", "LOCAL", "CLUSTER", "AGGREGATOR"):
                show.scope = self.next().word
            else:
                break
        word = self.next().word
        if word == "CREATE":
            show.what = f"CREATE {self.next().word}"
            show.database, show.name = self.qualified_name()
        elif word == "STORAGE":
            self.accept("ENGINES")
            show.what = "ENGINES"
        elif word in ("TABLE", "DATABASE") and self.accept("STATUS"):
            show.what = f"{word} STATUS"
        elif word == "CHARACTER":
            self.expect("SET")
            show.what = "CHARSET"
        elif word in ("INDEX", "INDEXES", "KEYS"):
            show.what = "INDEX"
        else:
            show.what = {"SCHEMAS": "DATABASES", "FIELDS": "COLUMNS"}.get(word, word)
        self._show_tail(show)
        return show

    def _show_tail(self, show: Show) -> None:
        while not self.at_end:
            if self.accept_any("FROM", "IN", "ON", "FOR"):
                database, name = self.qualified_name()
                if show.what in ("TABLES", "TABLE STATUS") or show.name:
                    show.database = name
                else:
                    show.name, show.database = name, database or show.database
            elif self.accept("LIKE"):
                show.like = self.string()
            elif self.accept("WHERE"):
                show.where = self.expression()
            elif self.accept("LIMIT"):
                show.limit = self.integer()
            elif self.accept_any("EXTENDED", "JSON"):
                show.extended = True
            else:
                from singlestoredb_embedded.show import is_known

                if not is_known(show.what):
                    raise unsupported(f"SHOW {show.what}")
                raise self.fail()

    # -- LOAD DATA -------------------------------------------------------------------------

    def _load_statement(self) -> Statement:
        self.next()
        self.expect("DATA")
        self.accept_any("LOW_PRIORITY", "CONCURRENT")
        if not self.accept("LOCAL"):
            raise unsupported("LOAD DATA without LOCAL")
        self.expect("INFILE")
        path = self.string()
        if self.at("COMPRESSION"):
            raise unsupported("LOAD DATA ... COMPRESSION")
        duplicates = self.accept_any("IGNORE", "REPLACE") or ""
        self.accept("SKIP")
        self.expect("INTO", "TABLE")
        database, name = self.qualified_name()
        load = LoadData(path, name, database, duplicates)  # type: ignore[arg-type]  # of the two
        if self.accept("CHARACTER", "SET"):
            self.name_or_string()
        self.accept("FORMAT", "CSV")
        if self.accept_any("FIELDS", "COLUMNS"):
            self._field_options(load)
        if self.accept("LINES"):
            self._line_options(load)
        if self.accept("IGNORE"):
            load.skip_lines = self.integer()
            if not self.accept_any("LINES", "ROWS"):
                raise self.fail()
        if self.at("("):
            load.columns = self._load_columns()
        if self.accept("SET"):
            load.sets = self._assignments()
        if self.accept("NULL", "DEFINED", "BY"):
            load.null_text = self.string()
            self.accept("OPTIONALLY", "ENCLOSED")
        if self.at_any("WHERE", "MAX_ERRORS", "ERRORS"):
            raise unsupported(f"LOAD DATA ... {self.token.word}")
        return load

    def _field_options(self, load: LoadData) -> None:
        while True:
            if self.accept("TERMINATED", "BY"):
                load.fields_terminated = self.string()
            elif self.accept("OPTIONALLY", "ENCLOSED", "BY") or self.accept("ENCLOSED", "BY"):
                load.enclosed = self.string()
            elif self.accept("ESCAPED", "BY"):
                load.escaped = self.string()
            else:
                return

    def _line_options(self, load: LoadData) -> None:
        while True:
            if self.accept("TERMINATED", "BY"):
                load.lines_terminated = self.string()
            elif self.accept("STARTING", "BY"):
                load.lines_starting = self.string()
            else:
                return

    def _load_columns(self) -> list[str]:
        self.expect("(")
        columns: list[str] = []
        while not self.accept(")"):
            if self.token.kind == "variable":
                columns.append(self.next().text.lower())
            else:
                columns.append(self.identifier())
            if not self.at(")"):
                self.expect(",")
        return columns
