"""Statements against MariaDB: the same script, the same rows, counts, ids and errors.

Every function and operator is compared by ``test_embedded_functions``; here are expressions that
mix types and lie at the edges.  What may differ is listed in
``DIFFERENT`` with its reason, and has to differ: an entry whose difference is gone fails.
"""

# ruff: noqa: E501  (a statement stands on one line)

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.testing.servers import MariaDB

SHOP = """
CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(30), city VARCHAR(20), age TINYINT)
CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer INT, total DECIMAL(10,2), at DATETIME, note TEXT)
INSERT INTO customers VALUES (1, 'Ann', 'Oslo', 30), (2, 'Bob', 'Rome', 25), (3, 'cid', 'oslo', NULL), (4, 'Ann', NULL, 41)
INSERT INTO orders (customer, total, at, note) VALUES (1, 10.50, '2024-01-01 10:00:00', 'first'), (1, 20.00, '2024-02-29 23:59:59', NULL), (2, 5.25, '2024-03-01 00:00:00', 'Third'), (9, 1.00, NULL, 'stray')
"""

# Each script runs on a database of its own.  A query without ORDER BY is compared as a set.
SCRIPTS: dict[str, str] = {
    "joins": SHOP + """
SELECT c.name, o.total FROM customers c JOIN orders o ON o.customer = c.id
SELECT c.name, o.total FROM customers c LEFT JOIN orders o ON o.customer = c.id
SELECT c.name, o.total FROM customers c RIGHT JOIN orders o ON o.customer = c.id
SELECT c.id, o.id FROM customers c CROSS JOIN orders o
SELECT c.id, o.id FROM customers c, orders o WHERE c.id = o.customer AND o.total > 6
SELECT a.id, b.id FROM customers a JOIN customers b ON a.name = b.name AND a.id < b.id
SELECT * FROM customers NATURAL JOIN (SELECT 1 AS id, 'x' AS extra) AS e
SELECT * FROM customers JOIN (SELECT 2 AS id, 7 AS n) AS e USING (id)
SELECT c.id, COUNT(o.id) AS n FROM customers c LEFT JOIN orders o ON o.customer = c.id GROUP BY c.id ORDER BY c.id
SELECT c.id FROM customers c LEFT JOIN orders o ON o.customer = c.id WHERE o.id IS NULL
SELECT id FROM customers a JOIN orders b ON a.id = b.customer
SELECT a.nosuch FROM customers a
SELECT * FROM customers a JOIN orders a
SELECT customers.*, 1 FROM customers ORDER BY customers.id LIMIT 1
SELECT STRAIGHT_JOIN c.id FROM customers c JOIN orders o ON c.id = o.customer ORDER BY o.id
""",
    "filters": SHOP + """
SELECT id FROM customers WHERE city = 'OSLO'
SELECT id FROM customers WHERE city <> 'oslo'
SELECT id FROM customers WHERE city IS NULL OR age > 29
SELECT id FROM customers WHERE age BETWEEN 25 AND 30
SELECT id FROM customers WHERE name LIKE 'a%'
SELECT id FROM customers WHERE name NOT LIKE '%n%'
SELECT id FROM customers WHERE name REGEXP '^[ab]'
SELECT id FROM customers WHERE (name, city) = ('Ann', 'Oslo')
SELECT id FROM customers WHERE (name, city) IN (('Ann', 'Oslo'), ('Bob', 'rome'))
SELECT id FROM customers WHERE age IN (25, NULL)
SELECT id FROM customers WHERE age NOT IN (25, NULL)
SELECT id FROM customers WHERE NOT (age > 29)
SELECT id FROM customers WHERE age
SELECT id FROM customers WHERE id = '2x'
SELECT id FROM customers WHERE name = 0
SELECT id FROM orders WHERE at >= '2024-02-29'
SELECT id FROM orders WHERE at = '2024-03-01'
SELECT id FROM orders WHERE at BETWEEN '2024-01-01' AND '2024-02-29'
SELECT id FROM orders WHERE DATE(at) = '2024-02-29'
SELECT id FROM orders WHERE total = 5.25
SELECT id FROM orders WHERE total > '5.3'
SELECT id FROM orders WHERE note IN ('FIRST', 'third')
SELECT id FROM customers WHERE id <=> NULL
SELECT id FROM customers WHERE city <=> NULL
SELECT id FROM customers WHERE 'a' = 'b' XOR id = 3
""",
    "subqueries": SHOP + """
SELECT name FROM customers WHERE id IN (SELECT customer FROM orders)
SELECT name FROM customers WHERE id NOT IN (SELECT customer FROM orders)
SELECT name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id AND o.total > 6)
SELECT name FROM customers c WHERE NOT EXISTS (SELECT * FROM orders o WHERE o.customer = c.id)
SELECT name, (SELECT SUM(total) FROM orders o WHERE o.customer = c.id) AS spent FROM customers c ORDER BY id
SELECT (SELECT MAX(total) FROM orders)
SELECT (SELECT total FROM orders)
SELECT (SELECT id, total FROM orders LIMIT 1)
SELECT id FROM orders WHERE total > ALL (SELECT total FROM orders WHERE customer = 2)
SELECT id FROM orders WHERE total = ANY (SELECT MAX(total) FROM orders GROUP BY customer)
SELECT id FROM orders WHERE total >= SOME (SELECT total FROM orders WHERE customer = 1)
SELECT d.n FROM (SELECT name AS n FROM customers ORDER BY id LIMIT 2) AS d
SELECT MAX(n) FROM (SELECT customer, COUNT(*) AS n FROM orders GROUP BY customer) d
SELECT n FROM (SELECT 1) AS d (n)
SELECT * FROM (SELECT 1)
WITH big AS (SELECT * FROM orders WHERE total > 6) SELECT COUNT(*), MIN(total) FROM big
WITH a AS (SELECT 1 AS n), b AS (SELECT n + 1 AS m FROM a) SELECT n, m FROM a, b
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT SUM(n) FROM t
WITH RECURSIVE t(n, s) AS (SELECT 1, CAST('a' AS CHAR(9)) UNION ALL SELECT n + 1, CONCAT(s, 'b') FROM t WHERE n < 3) SELECT n, s FROM t ORDER BY n
SELECT name FROM customers WHERE (id, name) IN (SELECT customer, 'Ann' FROM orders)
SELECT id FROM customers c WHERE age = (SELECT MAX(age) FROM customers)
""",
    "groups": SHOP + """
SELECT city, COUNT(*) FROM customers GROUP BY city ORDER BY city
SELECT LOWER(city) AS c, COUNT(*), AVG(age) FROM customers GROUP BY LOWER(city) ORDER BY c
SELECT name, COUNT(*) AS n FROM customers GROUP BY name HAVING n > 1
SELECT name, COUNT(*) FROM customers GROUP BY 1 ORDER BY 2, 1
SELECT COUNT(*), COUNT(age), COUNT(DISTINCT city), SUM(age), AVG(age), MIN(name), MAX(name) FROM customers
SELECT COUNT(*), SUM(age) FROM customers WHERE FALSE
SELECT city, SUM(age) FROM customers WHERE city IS NOT NULL GROUP BY city WITH ROLLUP
SELECT customer, GROUP_CONCAT(id ORDER BY id DESC SEPARATOR '-') FROM orders GROUP BY customer ORDER BY customer
SELECT GROUP_CONCAT(DISTINCT name ORDER BY name) FROM customers
SELECT customer FROM orders GROUP BY customer HAVING SUM(total) > 5 ORDER BY SUM(total) DESC
SELECT YEAR(at) AS y, MONTH(at) AS m, SUM(total) FROM orders GROUP BY y, m ORDER BY y, m
SELECT COUNT(*) FROM customers HAVING COUNT(*) > 3
SELECT COUNT(*) FROM customers HAVING COUNT(*) > 9
SELECT id FROM customers WHERE COUNT(*) > 1
SELECT DISTINCT name FROM customers ORDER BY name
SELECT DISTINCT city FROM customers
SELECT DISTINCT name, city FROM customers ORDER BY 1, 2
SELECT STD(age) > 0, VARIANCE(age) > 0, BIT_OR(id), BIT_AND(id), BIT_XOR(id) FROM customers
SELECT SUM(DISTINCT customer), COUNT(DISTINCT customer, note) FROM orders
SELECT MAX(total) - MIN(total) AS spread FROM orders
SELECT IF(age > 28, 'old', 'young') AS kind, COUNT(*) FROM customers GROUP BY kind ORDER BY kind
SELECT CASE WHEN total > 10 THEN 'big' ELSE 'small' END AS size, SUM(total) FROM orders GROUP BY size ORDER BY size
""",
    "order": SHOP + """
SELECT id FROM customers ORDER BY name, id DESC
SELECT id FROM customers ORDER BY city, id
SELECT id FROM customers ORDER BY city DESC, id
SELECT id, age * -1 AS a FROM customers ORDER BY a, id
SELECT name AS id FROM customers ORDER BY id, age
SELECT id FROM customers ORDER BY LENGTH(city), id
SELECT id FROM customers ORDER BY id LIMIT 2
SELECT id FROM customers ORDER BY id LIMIT 1, 2
SELECT id FROM customers ORDER BY id LIMIT 2 OFFSET 3
SELECT id FROM customers ORDER BY id LIMIT 0
SELECT id FROM customers ORDER BY 2
SELECT id FROM customers ORDER BY age IS NULL, age
SELECT id FROM customers ORDER BY FIELD(id, 3, 1, 4, 2)
SELECT id FROM orders ORDER BY at, id
SELECT id FROM orders ORDER BY total DESC LIMIT 1
SELECT note FROM orders ORDER BY note
""",
    "sets": SHOP + """
SELECT 1 UNION SELECT 1 UNION ALL SELECT 1
SELECT name FROM customers UNION SELECT note FROM orders ORDER BY 1
SELECT id FROM customers UNION ALL SELECT id FROM orders ORDER BY id LIMIT 3
(SELECT id FROM customers ORDER BY id DESC LIMIT 1) UNION ALL (SELECT id FROM orders ORDER BY id LIMIT 1)
SELECT id FROM customers EXCEPT SELECT customer FROM orders
SELECT id FROM customers INTERSECT SELECT customer FROM orders
SELECT 'a' UNION SELECT 'A'
SELECT 1, 'x' UNION SELECT 2.5, 'yy' ORDER BY 1
SELECT 1 UNION SELECT 1, 2
SELECT NULL UNION SELECT 1
VALUES (1, 'a'), (2, 'b')
""",
    "windows": SHOP + """
SELECT id, ROW_NUMBER() OVER (ORDER BY total DESC) FROM orders ORDER BY id
SELECT id, RANK() OVER (ORDER BY customer) AS r, DENSE_RANK() OVER (ORDER BY customer) AS d FROM orders ORDER BY id
SELECT id, SUM(total) OVER (PARTITION BY customer ORDER BY id) FROM orders ORDER BY id
SELECT id, SUM(total) OVER () FROM orders ORDER BY id
SELECT id, AVG(total) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM orders ORDER BY id
SELECT id, LAG(total) OVER (ORDER BY id), LEAD(total, 2, 0) OVER (ORDER BY id) FROM orders ORDER BY id
SELECT id, FIRST_VALUE(total) OVER w, LAST_VALUE(total) OVER w FROM orders WINDOW w AS (PARTITION BY customer ORDER BY id) ORDER BY id
SELECT id, NTILE(3) OVER (ORDER BY id) FROM orders ORDER BY id
SELECT id, COUNT(*) OVER (PARTITION BY name) FROM customers ORDER BY id
SELECT id, MAX(total) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) FROM orders ORDER BY id
SELECT customer, SUM(SUM(total)) OVER (ORDER BY customer) FROM orders GROUP BY customer ORDER BY customer
""",
    "insert": SHOP + """
INSERT INTO customers (id, name) VALUES (5, 'Eva'), (6, 'Finn')
INSERT INTO customers VALUES (5, 'again', NULL, 1)
INSERT IGNORE INTO customers VALUES (5, 'again', NULL, 1), (7, 'Gus', NULL, 1)
INSERT INTO customers SET id = 8, name = 'Hal', age = 2 + 3
INSERT INTO customers (id, name) SELECT id + 100, UPPER(name) FROM customers WHERE id < 3
INSERT INTO orders (customer, total) VALUES (1, 3), (2, 4)
SELECT LAST_INSERT_ID()
INSERT INTO orders VALUES (NULL, 1, 1, NULL, NULL)
INSERT INTO orders (id, customer) VALUES (50, 1)
INSERT INTO orders (customer) VALUES (1)
SELECT MAX(id) FROM orders
INSERT INTO customers (id, name) VALUES (5, 'Upd') ON DUPLICATE KEY UPDATE name = VALUES(name), age = 9
INSERT INTO customers (id, name) VALUES (5, 'Upd') ON DUPLICATE KEY UPDATE name = VALUES(name), age = 9
INSERT INTO customers (id, name) VALUES (9, 'New'), (5, 'Two') ON DUPLICATE KEY UPDATE name = CONCAT(name, '+')
REPLACE INTO customers VALUES (5, 'Rep', 'Bonn', 3)
REPLACE INTO customers VALUES (10, 'Ten', 'Bonn', 3)
REPLACE INTO customers (id, name) SELECT 10, 'Tenth'
INSERT INTO customers (id, nosuch) VALUES (1, 2)
INSERT INTO customers (id, name) VALUES (11)
INSERT INTO customers (id, id) VALUES (11, 12)
INSERT INTO customers (name) VALUES ('no key')
INSERT INTO customers VALUES (NULL, 'no key', 'x', 1)
INSERT INTO customers (id, age) VALUES (12, 1000)
INSERT INTO customers (id, age) VALUES (12, 'old')
INSERT INTO customers (id, name) VALUES (12, REPEAT('x', 31))
INSERT INTO orders (at) VALUES ('2024-13-01')
INSERT INTO orders (total) VALUES (123456789.00)
INSERT INTO orders (total) VALUES (1.005)
INSERT INTO nowhere VALUES (1)
SELECT id, name, city, age FROM customers ORDER BY id
SELECT customer, total FROM orders ORDER BY id
""",
    "update": SHOP + """
UPDATE customers SET age = age + 1
UPDATE customers SET age = 31 WHERE id = 1
UPDATE customers SET age = 31 WHERE id = 1
UPDATE customers SET city = UPPER(city), name = CONCAT(name, '!') WHERE city = 'oslo'
UPDATE customers SET age = NULL WHERE id = 2
UPDATE customers SET age = 0 ORDER BY id DESC LIMIT 1
UPDATE customers SET id = 2 WHERE id = 1
UPDATE customers SET id = id + 10
UPDATE customers c JOIN orders o ON o.customer = c.id - 10 SET o.note = c.name, o.total = o.total * 2
UPDATE customers SET name = NULL WHERE id = 99
UPDATE orders SET total = 99999999999 WHERE id = 1
UPDATE customers SET nosuch = 1
UPDATE nowhere SET a = 1
UPDATE orders SET note = DEFAULT WHERE id = 3
UPDATE customers SET age = (SELECT COUNT(*) FROM orders) WHERE id = 11
SELECT * FROM customers ORDER BY id
SELECT id, total, note FROM orders ORDER BY id
""",
    "delete": SHOP + """
DELETE FROM orders WHERE total < 2
DELETE FROM orders WHERE FALSE
DELETE FROM orders ORDER BY total DESC LIMIT 1
DELETE o FROM orders o JOIN customers c ON c.id = o.customer WHERE c.name = 'Bob'
DELETE FROM customers, orders USING customers JOIN orders ON orders.customer = customers.id
DELETE FROM customers WHERE id IN (SELECT 2)
DELETE FROM nowhere
DELETE FROM customers WHERE nosuch = 1
SELECT * FROM customers ORDER BY id
SELECT id FROM orders
DELETE FROM customers
TRUNCATE TABLE customers
SELECT COUNT(*) FROM customers
""",
    "tables": """
CREATE TABLE t (a INT NOT NULL DEFAULT 5, b VARCHAR(5) DEFAULT 'x', c INT AS (a * 2) STORED, UNIQUE KEY k (b))
CREATE TABLE t (a INT)
CREATE TABLE IF NOT EXISTS t (a INT)
INSERT INTO t (b) VALUES ('p'), ('q')
INSERT INTO t (a, b) VALUES (DEFAULT, DEFAULT)
INSERT INTO t (a, b) VALUES (1, 'P')
INSERT INTO t (a, b) VALUES (NULL, 'r')
INSERT INTO t (a, b) VALUES (7, NULL), (8, NULL)
SELECT a, b, c FROM t ORDER BY a, b
ALTER TABLE t ADD COLUMN d DATE
ALTER TABLE t ADD COLUMN e INT NOT NULL DEFAULT 3 AFTER a
SELECT * FROM t ORDER BY a, b
ALTER TABLE t DROP COLUMN d
ALTER TABLE t DROP COLUMN nosuch
ALTER TABLE t ADD COLUMN b INT
ALTER TABLE t CHANGE e f BIGINT
ALTER TABLE t MODIFY f VARCHAR(10)
UPDATE t SET f = 'text' WHERE b = 'p'
SELECT f FROM t ORDER BY f
CREATE INDEX i ON t (f)
DROP INDEX i ON t
DROP INDEX i ON t
ALTER TABLE t RENAME TO u
SELECT COUNT(*) FROM t
SELECT COUNT(*) FROM u
CREATE TABLE v LIKE u
CREATE TABLE w AS SELECT a, b, a + 1 AS n FROM u WHERE a > 5
SELECT * FROM w ORDER BY a
CREATE VIEW x AS SELECT b, a FROM u WHERE a > 6
SELECT * FROM x ORDER BY a
CREATE VIEW x AS SELECT 1
CREATE OR REPLACE VIEW x AS SELECT 1 AS one
SELECT * FROM x
DROP VIEW x
DROP VIEW never_made
DROP TABLE IF EXISTS nowhere
DROP TABLE nowhere
DROP TABLE v, w
RENAME TABLE u TO t
CREATE TABLE p (a INT, PRIMARY KEY (a), PRIMARY KEY (a))
CREATE TABLE p (a INT, a INT)
CREATE TABLE p (a INT, KEY (b))
CREATE TABLE p (a TEXT AUTO_INCREMENT PRIMARY KEY)
CREATE TEMPORARY TABLE p (a INT)
INSERT INTO p VALUES (1)
SELECT * FROM p
DROP TEMPORARY TABLE p
""",
    "types": """
CREATE TABLE t (id INT PRIMARY KEY, ti TINYINT, su SMALLINT UNSIGNED, mi MEDIUMINT, bi BIGINT, f FLOAT, d DOUBLE, n DECIMAL(6,2), dt DATE, tm TIME, ts DATETIME(6), y YEAR, c CHAR(5), vb VARBINARY(5), b BLOB, e ENUM('a','b'), bt BIT(8))
INSERT INTO t VALUES (1, -128, 65535, 8388607, -9223372036854775808, 1.5, 1e100, 1234.565, '2024-02-29', '-838:59:59', '2024-02-29 12:34:56.123456', 2155, 'ab', 'cd', 'ef', 'A', 5)
INSERT INTO t (id, ti) VALUES (2, 128)
INSERT INTO t (id, su) VALUES (2, -1)
INSERT INTO t (id, mi) VALUES (2, 8388608)
INSERT INTO t (id, bi) VALUES (2, 9223372036854775808)
INSERT INTO t (id, n) VALUES (2, 10000)
INSERT INTO t (id, dt) VALUES (2, '2023-02-29')
INSERT INTO t (id, c) VALUES (2, 'abcdef')
INSERT INTO t (id, vb) VALUES (2, 'abcdef')
INSERT INTO t (id, e) VALUES (2, 'z')
INSERT INTO t (id, bt) VALUES (2, 256)
INSERT INTO t (id, y) VALUES (2, 1900)
INSERT INTO t (id, ti, d, n, dt, ts) VALUES (2, '12', '1.5', '2.675', 20240101, '2024-01-01')
INSERT INTO t (id, ti, n) VALUES (3, 1.5, 'abc')
INSERT INTO t (id, ti, c) VALUES (4, TRUE, 5)
INSERT INTO t (id, y) VALUES (5, 70)
INSERT INTO t (id, dt) VALUES (7, '24-1-2')
INSERT INTO t (id, tm, y, dt) VALUES (8, 123456, 1970, '2024-1-2')
DELETE FROM t WHERE id IN (5, 7)
INSERT INTO t (id, vb, b) VALUES (6, X'00FF', _binary 'q')
SELECT id, ti, su, mi, bi, f, d, n, dt, tm, ts, y, c, vb, b, e, bt + 0 FROM t ORDER BY id
SELECT id FROM t WHERE e = 'A'
SELECT id FROM t WHERE dt = '2024-02-29 00:00:00'
SELECT id FROM t WHERE ts > '2024-02-01'
SELECT MAX(ti), MIN(su), SUM(n), AVG(ti), MAX(dt), MIN(tm), MAX(c) FROM t
SELECT n * 2, n / 3, ti + su, ti * 1.5, d + 1 FROM t WHERE id = 1
SELECT ti DIV 3, ti % 3, -ti, ~ti, ti & 7 FROM t WHERE id = 1
SELECT dt + INTERVAL 1 DAY, ts - INTERVAL 1 MONTH, ADDTIME(tm, '00:00:01'), DATEDIFF(ts, dt) FROM t WHERE id = 1
SELECT CONCAT(ti, f, n, dt, c), LENGTH(b), HEX(vb), LENGTH(vb) FROM t WHERE id = 1
SELECT COALESCE(ti, 'none'), IFNULL(su, -1), IF(dt IS NULL, 0, dt) FROM t WHERE id IN (1, 4) ORDER BY id
SELECT ti = '-128', c = 'AB ', vb = 'CD', b = 'ef' FROM t WHERE id = 1
""",
    "transactions": SHOP + """
START TRANSACTION
INSERT INTO customers VALUES (20, 'T', 'x', 1)
SELECT COUNT(*) FROM customers
ROLLBACK
SELECT COUNT(*) FROM customers
BEGIN
INSERT INTO customers VALUES (21, 'T', 'x', 1)
SAVEPOINT a
DELETE FROM customers
ROLLBACK TO a
INSERT INTO customers VALUES (21, 'twice', 'x', 1)
INSERT INTO customers VALUES (22, 'U', 'x', 1), (1, 'dup', 'x', 1)
SELECT COUNT(*) FROM customers
RELEASE SAVEPOINT a
ROLLBACK TO a
COMMIT
SELECT COUNT(*), MAX(id) FROM customers
SET autocommit = 0
DELETE FROM customers
ROLLBACK
SELECT COUNT(*) FROM customers
SET autocommit = 1
SELECT id FROM customers WHERE id = 1 FOR UPDATE
SELECT COUNT(*) INTO @n FROM customers
SELECT @n
SELECT id INTO @n FROM customers
""",
    "session": SHOP + """
SET @a = 5, @b = 'x'
SELECT @a + 1, CONCAT(@b, @a), @nothing
SET @a = (SELECT MAX(id) FROM customers)
SELECT id FROM customers WHERE id = @a
SELECT DATABASE() IS NULL, CONNECTION_ID() > 0
SELECT ROW_COUNT()
UPDATE customers SET age = 1 WHERE id < 3
SELECT ROW_COUNT()
SELECT SQL_CALC_FOUND_ROWS id FROM customers ORDER BY id LIMIT 1
SELECT FOUND_ROWS()
SELECT @@nosuch
SET nosuch = 1
USE nowhere
SELECT NOSUCH(1)
SELEC 1
SELECT 1 FROM
SELECT 1;
SELECT 1 /* comment */ + /*! 1 */ + 1 -- rest
SELECT 1 AS `a b`, 2 AS "c", 3 d
SELECT 'it''s', "dq", 'a' 'b', 'x\\ty'
SELECT 1 + 1, 1+1, COUNT(*) FROM customers
SELECT TRUE, FALSE, NULL, X'41', 0x41, 1e3, .5
SELECT id AS ID, customers.name, UPPER(name) FROM customers WHERE id = 1
""",
    "views": SHOP + """
CREATE VIEW spent AS SELECT c.name, SUM(o.total) AS total FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.name
SELECT * FROM spent ORDER BY name
SELECT s.total FROM spent s WHERE s.name = 'ann'
CREATE VIEW over_five (who, what) AS SELECT name, total FROM spent WHERE total > 5.5
SELECT who, what FROM over_five
INSERT INTO orders (customer, total) VALUES (2, 1)
SELECT * FROM over_five ORDER BY who
SELECT nosuch FROM spent
CREATE VIEW bad AS SELECT nosuch FROM customers
CREATE VIEW bad (a) AS SELECT 1, 2
DROP VIEW over_five
SELECT * FROM over_five
""",
}  # fmt: skip

EXPRESSIONS = r"""
abs(-9223372036854775808) | abs('x') | round(2.567, '1') | round('2.5') | truncate(-0.5, 0) | 5 div 0 | 1.0 / 3 * 3 | 0.1 * 0.1 | 1/7 | 2/3*3
1e308 * 10 | -1e308 * 10 | sqrt('16') | pow(0, 0) | pow(0, -1) | log(0) | exp(1000) | mod(-7.5, 2) | mod(7, -3) | sign(null)
9223372036854775807 - 1 | 9223372036854775807 * 2 | 18446744073709551615 + 0 | 18446744073709551615 + 1 | 5 - 18446744073709551615 | cast(5 as unsigned) - 6
concat('a', 1.0) | concat(1e15, '') | concat(1e16, '') | concat(-0.0, '') | concat(1/3, '') | concat(true, false) | concat(null) | concat_ws('', 'a', 1)
'10' + '20' | '1e2' + 0 | ' 12 ' + 0 | '0x10' + 0 | '' + 0 | null + 1 | 'abc' * 1 | '5' div '2' | '7' % '4'
'a' < 'b' | 'a' < 'B' | 'Z' < 'a' | 'ß' = 'ss' | 'Ä' = 'a' | 'a' = 'a  ' | 'a' = ' a' | 'ab' > 'a' | '' = ' ' | 'é' = 'É'
'a' like 'A' | 'a ' like 'a' | '%' like '\%' | 'ab' like 'a_' | 'a' like '' | null like 'a' | 'a\nb' like 'a%b' | 'ab' like '_' | 10 like '1%' | 'é' like 'e'
1 < 2 < 3 | 3 > 2 > 1 | not 0 = 1 | not (0 = 1) | 1 = 1 = 1 | 2 and 3 | 'a' and 1 | '1' and 1 | 0.1 and 1 | 0.4 or 0
null in (null) | 1 in ('1') | '1' in (1) | 'a' in ('A', 'b') | 1.0 in (1) | 1 between null and 2 | 3 between null and 2 | 'b' between 'a' and 'c'
if(null, 1, 2) | if('a', 1, 2) | if(0.5, 1, 2) | ifnull(null, null) | nullif(1, 1.0) | nullif('a', 'A') | coalesce(null, 2.5) | greatest('10', 9) | least('10', 9) | greatest(1, 'a')
case when null then 1 end | case 'a' when 'A' then 1 else 2 end | case 1 when '1' then 'y' end | case when 1 then null else 1 end
cast('abc' as signed) | cast('9999999999999999999' as signed) | cast(-1.5 as unsigned) | cast('1.9' as decimal(3,1)) | cast('1.95' as decimal(3,1)) | cast(1e3 as signed) | cast('2024-02-30' as date) | cast('24:00:00' as time) | cast('2024-01-01 25:00:00' as datetime) | cast(20240101123456 as datetime) | cast(123456 as time) | cast('12:3' as time) | cast(1.5 as char) | cast(1e0 as char) | cast(0.1e0 + 0.2e0 as char)
date_add('2024-01-31', interval 1 month) | date_add('2024-02-29', interval 1 year) | date_add('2024-01-01', interval -1 day) | date_add('2024-01-01', interval 1.5 day) | date_add('2024-01-01', interval '1' hour) | date_add('bad', interval 1 day) | date_sub('2024-03-31', interval 1 month) | '2024-01-01' + 1 | date '2024-01-31' + 1 | date '2024-01-01' = 20240101
timestampdiff(month, '2024-01-31', '2024-02-29') | timestampdiff(year, '2020-02-29', '2021-02-28') | timestampdiff(second, '2024-01-01', '2024-01-01 00:01') | datediff('2024-03-01', '2024-02-01') | last_day('2024-02-30') | dayofweek('bad') | week('2024-12-30') | yearweek('2024-12-30', 3) | quarter('2024-12-01') | monthname('2024-00-01')
date_format('2024-02-09', '%Y-%c-%e') | date_format('2024-02-09 13:05:09', '%l:%i %p') | date_format('2024-02-09', '%x %v %X %V') | date_format('2024-02-09', '') | date_format(null, '%Y') | str_to_date('9,2,2024', '%e,%c,%Y') | str_to_date('13:05', '%H:%i') | time_format('100:10:10', '%H') | sec_to_time(90061) | time_to_sec('25:00:01') | from_unixtime(0) | unix_timestamp('1970-01-01')
substring('hello', 2, 3) | substring('hello', -3) | substring('hello', 0) | substring('hello', 2, -1) | left('hello', 99) | right('hello', 0) | mid('hello', 2, 2) | substring_index('a,b,c', ',', -1) | substring_index('abc', '', 1) | instr('hello', 'L') | locate('l', 'hello', 4) | locate('l', 'hello', 99) | position('x' in 'hello')
replace('aaa', 'a', 'bb') | replace('Aa', 'a', 'x') | reverse('é1') | repeat('ab', 2.5) | space(2.4) | lpad('a', 3, '') | rpad('abc', 2, 'x') | trim('  a ') | trim(leading '0' from '007') | ltrim('\t a') | insert('abc', 2, 1, 'XX') | insert('abc', 9, 1, 'X') | elt(2, 'a', 'b') | field('b', 'a', 'b') | find_in_set('b', 'a,b') | hex('é') | unhex('C3A9') | hex(15.6) | bin(5.9) | oct(-1) | conv('-5', 10, 16) | conv(10, 10, 37) | char(65, 66) | ascii('é') | ord('€') | length('€') | char_length('€') | upper('straße') | lower('İ') | ucase(null) | quote('a\'b') | format(1234.5, 2) | format(-0.5, 0) | format('x', 1)
md5('') | sha1('') | sha2('a', 512) | sha2('a', 1) | to_base64('€') | from_base64('!!') | crc32('a') | soundex('Robert') | strcmp('a', 'b') | strcmp(null, 'a') | bit_count(255) | 5 ^ 3 | ~5 | 1 << 63 | 1 << 64 | -1 >> 1 | 5.6 | 3 | 5 & '3' | 1 | 'a'
'abc' regexp 'B' | 'abc' regexp '[[:alpha:]]+' | 'a.c' regexp 'a\\.c' | 'abc' regexp '' | null regexp 'a' | regexp_replace('abc', 'b', 'X') | regexp_instr('abc', 'c') | regexp_substr('a1b2', '[0-9]')
interval(5, 1, 10) | 1 <=> 1.0 | 'a' collate utf8mb4_bin = 'A' | binary 'a' = 'a ' | isnull(null) | isnull(0) | nvl(null, 3) | row(1, 2) = (1, 2) | (1, null) = (1, 2) | (1, null) = (2, 2) | exists(select 1) | not exists(select 1 from (select 1) d where 1 = 0)
"""
"""Separated by `` | `` and lines."""

_ENGINE_MORE = "MariaDB does not know it; MySQL and SingleStore do"
_COUNTS = "MariaDB counts the rows that it copies; SingleStore counts rows that statements change"
_INFINITE = "a DOUBLE that overflows is infinite; the README says so"
_ABSENT = "refused by name: DuckDB has nothing that computes it"
_DIGITS = "a quotient has the digits that its type shows; MariaDB keeps more until the end"

DIFFERENT: dict[str, str] = {
    "INSERT INTO orders (id, customer) VALUES (50, 1)":
        "the insert id is 0 when no value was made; MariaDB tells the one that was given",
    "INSERT INTO orders (total) VALUES (1.005)":
        "a failed INSERT uses up a number; which ones are used up is not promised",
    "SELECT 1 /* comment */ + /*! 1 */ + 1 -- rest":
        "a column is called as the source has it; MariaDB takes out the marks of the comment",
    "VALUES (1, 'a'), (2, 'b')": "the columns are column_0, column_1, as MySQL 8 calls them",
    "SELECT n FROM (SELECT 1) AS d (n)": _ENGINE_MORE,
    "SELECT id, LAG(total) OVER (ORDER BY id), LEAD(total, 2, 0) OVER (ORDER BY id) FROM orders ORDER BY id":
        _ENGINE_MORE,
    "ALTER TABLE t CHANGE e f BIGINT": _COUNTS,
    "ALTER TABLE t MODIFY f VARCHAR(10)": _COUNTS,
    "DROP VIEW never_made": "an unknown view is error 1051, as in MySQL; 4092 is MariaDB's own",
    "INSERT INTO t (id, bt) VALUES (2, 256)": "a BIT out of range is error 1264, as other numbers",
    "INSERT INTO t (id, y) VALUES (5, 70)": "years of two digits are refused, not guessed",
    "INSERT INTO t (id, dt) VALUES (7, '24-1-2')": "years of two digits are refused, not guessed",
    "DELETE FROM t WHERE id IN (5, 7)": "the two rows before were refused",
    "1.0 / 3 * 3": _DIGITS,
    "2/3*3": _DIGITS,
    "1e308 * 10": _INFINITE,
    "-1e308 * 10": _INFINITE,
    "pow(0, -1)": _INFINITE,
    "exp(1000)": _INFINITE,
    "concat(1e15, '')": "DOUBLE is printed with an exponent from 1e16 on, not from 1e15",
    "cast('9999999999999999999' as signed)": "a text beyond 64 bits saturates, and does not wrap",
    "cast(-1.5 as unsigned)": "it wraps as -1 does; MariaDB makes 0 of fractions below 0",
    "lpad('a', 3, '')": "padding with nothing gives nothing; MariaDB gives NULL",
    "bin(5.9)": "fractions are rounded, as wherever a whole number is needed",
    "conv('-5', 10, 16)": "CONV() takes digits only, not a sign",
    "conv(10, 10, 37)": _ABSENT,
    "upper('straße')": "Unicode's full mapping; MariaDB leaves the letter alone",
    "sha2('a', 512)": _ABSENT,
    "sha2('a', 1)": _ABSENT,
    "crc32('a')": _ABSENT,
    "soundex('Robert')": _ABSENT,
    "interval(5, 1, 10)": "the function INTERVAL() is not SingleStore's",
}  # fmt: skip
"""Statement or expression → why it may differ."""


Outcome = tuple[Any, ...]


def outcome(connection: s2.Connection, sql: str) -> Outcome:
    """Run a statement; return its rows, its counts, or its error number."""
    with connection.cursor("tuples") as cursor:
        try:
            affected = cursor.execute(sql)
        except s2.Error as exc:
            return "error", exc.errno
        if cursor.description is None:
            return "done", affected, cursor.lastrowid or 0
        rows = [tuple(map(plain, row)) for row in cursor.fetchall()]
        if "ORDER BY" not in sql.upper():
            rows.sort(key=repr)
        return "rows", [column[0] for column in cursor.description], rows


def plain(value: Any) -> Any:
    """Make one of the values that the two type differently: exact and inexact numbers, bytes."""
    if isinstance(value, (int, float, Decimal)):
        number = float(value)
        return value if isinstance(value, int) else (
            int(number) if number.is_integer() and abs(number) < 1e15 else float(f"{number:.9g}")
        )  # fmt: skip
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (dt.date, dt.timedelta)):
        return str(value)
    return value


def statements(script: str) -> list[str]:
    return [line for line in script.split("\n") if line.strip()]


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    reason = MariaDB.available()
    if reason is not None:
        pytest.skip(f"not run: {reason}")
    with MariaDB() as server:
        yield server


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_script(server: MariaDB, name: str) -> None:
    mode = "SET sql_mode='STRICT_ALL_TABLES', time_zone='+00:00'"
    options: dict[str, Any] = {"init_command": mode, "pure_python": True}
    with s2.connect(server.url, **options) as mariadb, s2.connect("embedded://") as engine:
        mariadb.query(
            f"CREATE DATABASE script_{name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
        )
        mariadb.query(f"USE script_{name}")
        wrong = []
        for sql in statements(SCRIPTS[name]):
            expected, got = outcome(mariadb, sql), outcome(engine, sql)
            if (expected == got) == (sql in DIFFERENT):
                wrong.append(f"{sql}\n  engine:  {got}\n  MariaDB: {expected}")
    assert not wrong, "\n".join(wrong)


def expressions() -> list[str]:
    return [e.strip() for e in EXPRESSIONS.replace("\n", " | ").split(" | ") if e.strip()]


def test_expressions(server: MariaDB) -> None:
    mode = "SET sql_mode='STRICT_ALL_TABLES', time_zone='+00:00'"
    options: dict[str, Any] = {"init_command": mode, "pure_python": True}
    with s2.connect(server.url, **options) as mariadb, s2.connect("embedded://") as engine:
        wrong = []
        for expression in expressions():
            sql = f"SELECT {expression}"
            expected, got = outcome(mariadb, sql)[-1], outcome(engine, sql)[-1]
            if (expected == got) == (expression in DIFFERENT):
                wrong.append(f"{expression}\n  engine:  {got}\n  MariaDB: {expected}")
    assert not wrong, "\n".join(wrong)


def test_there_are_enough_and_all_differences_are_known() -> None:
    every = [sql for script in SCRIPTS.values() for sql in statements(script)]
    assert len(set(every)) >= 150
    assert len(set(expressions())) >= 200  # and 600 in test_embedded_functions
    assert set(DIFFERENT) <= {*every, *expressions()}
    assert all(len(reason) > 20 for reason in DIFFERENT.values())
